//! The executable: command line in, exit code out. Builds no runtime (Windows' service dispatcher will own this thread).

use std::process::ExitCode;

use buktor_middleware::cli;

fn main() -> ExitCode {
    cli::run(std::env::args_os())
}
