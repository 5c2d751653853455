#include "user.h"

__attribute__((section(".start"))) void _start(void) {
    leave(RESULT);
}
