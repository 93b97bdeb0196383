#pragma once

namespace afluente::cli {

// Runs one command. Exit code: 0 done, 1 failed while running, 2 wrong usage or configuration.
int RunCommandLine(int argc, char** argv);

}  // namespace afluente::cli
