#include "cli/command_line.h"

int main(int argc, char** argv) { return afluente::cli::RunCommandLine(argc, argv); }
