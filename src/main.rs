//! Parses, hardens, picks a door, and turns the outcome into an exit code.

use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use breakglass::cli::{self, args, ask, exit};
use breakglass::model::foreign::escape;
use breakglass::report::Fault;
use breakglass::work::keys::harden_process;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    harden_process();
    panic::set_hook(Box::new(report_panic));
    let code = match args::parse(std::env::args_os()) {
        Ok(args) => panic::catch_unwind(AssertUnwindSafe(|| headless(args))).unwrap_or(exit::of_fault(Fault::Failed)),
        Err(code) => code,
    };
    ExitCode::from(code)
}

fn headless(args: args::Args) -> u8 {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a process that cannot start a thread cannot do anything");
    let code = runtime.block_on(cli::run(args));
    // A thread that still waits for a terminal or a pipe must not hold the program.
    runtime.shutdown_background();
    code
}

fn report_panic(info: &panic::PanicHookInfo<'_>) {
    ask::restore_terminal();
    let place = info.location().map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
    let what = info.payload_as_str().unwrap_or("no reason given");
    eprintln!("breakglass: this is a bug in breakglass{place}: {}", escape(what));
}
