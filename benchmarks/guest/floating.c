/* Double precision: a matrix product, and bodies that attract each other (division and square root). */
#include "bench.h"

#include <math.h>
#include <string.h>

enum { SIDE = 160, BODIES = 5 };

static u64 bits(double value)
{
    u64 word;

    memcpy(&word, &value, sizeof word);
    return word;
}

u64 run_matrix(u64 times)
{
    static double a[SIDE][SIDE], b[SIDE][SIDE], c[SIDE][SIDE];
    double sum = 0;

    for (int i = 0; i < SIDE; i++) {
        for (int j = 0; j < SIDE; j++) {
            a[i][j] = (double)(i * j % 17) / 7;
            b[i][j] = (double)(i + 3 * j) / 11;
        }
    }
    for (u64 round = 0; round < times * 5; round++) {
        for (int i = 0; i < SIDE; i++) {
            for (int j = 0; j < SIDE; j++) {
                double dot = 0;

                for (int k = 0; k < SIDE; k++)
                    dot += a[i][k] * b[k][j];
                c[i][j] = dot;
            }
        }
        sum += c[round % SIDE][SIDE / 2];
        a[round % SIDE][0] = sum / 1e6;
    }
    return bits(sum);
}

struct body {
    double x[3], v[3], mass;
};

u64 run_nbody(u64 times)
{
    struct body bodies[BODIES];
    double energy = 0;

    for (int i = 0; i < BODIES; i++)
        bodies[i] = (struct body){{i * 1.5, 1.0 / (i + 1), i * i * 0.25}, {0.1 * i, 0.2, -0.05 * i}, 1.0 + i};
    for (u64 step = 0; step < times * 80000; step++) {
        for (int i = 0; i < BODIES; i++) {
            for (int j = i + 1; j < BODIES; j++) {
                double d[3], square = 1e-3;

                for (int k = 0; k < 3; k++) {
                    d[k] = bodies[i].x[k] - bodies[j].x[k];
                    square += d[k] * d[k];
                }
                double force = 1e-3 / (square * sqrt(square));

                for (int k = 0; k < 3; k++) {
                    bodies[i].v[k] -= d[k] * bodies[j].mass * force;
                    bodies[j].v[k] += d[k] * bodies[i].mass * force;
                }
            }
        }
        for (int i = 0; i < BODIES; i++)
            for (int k = 0; k < 3; k++)
                bodies[i].x[k] += 1e-3 * bodies[i].v[k];
    }
    for (int i = 0; i < BODIES; i++)
        energy += bodies[i].mass * bodies[i].v[0] * bodies[i].v[0];
    return bits(energy);
}
