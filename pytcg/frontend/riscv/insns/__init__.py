"""One module and one instruction table an extension. A module's `trans_NAME` translates the patterns called NAME."""
