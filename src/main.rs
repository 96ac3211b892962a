//! Parses, hardens, picks a door, and turns the outcome into an exit code.

use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::time::Duration;

use breakglass::cli::args::{Args, Looks, Place, Verb};
use breakglass::cli::{self, args, ask, exit, print};
use breakglass::model::foreign::escape;
use breakglass::report::{Fault, Report, Reportable};
use breakglass::target::{ASKPASS_VARIABLE, askpass};
use breakglass::tui::door::{Form, Wishes};
use breakglass::tui::runtime::Ended;
use breakglass::tui::{door, terminal};
use breakglass::work::demo;
use breakglass::work::keys::harden_process;
use breakglass::work::session::{Access, Session, Settings, now};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    harden_process();
    if let Some(socket) = std::env::var_os(ASKPASS_VARIABLE) {
        return askpass(&socket); // `ssh` has started us to ask
    }
    panic::set_hook(Box::new(report_panic));
    let code = match args::parse(std::env::args_os()) {
        Ok(args) => panic::catch_unwind(AssertUnwindSafe(|| run(args))).unwrap_or(exit::of_fault(Fault::Failed)),
        Err(code) => code,
    };
    ExitCode::from(code)
}

fn run(args: Args) -> u8 {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a process that cannot start a thread cannot do anything");
    let code = match &args.verb {
        None => runtime.block_on(console(args, Scene::Estate)),
        Some(Verb::Demo(demo)) if demo.into.is_none() => runtime.block_on(console(args, Scene::Demo)),
        Some(_) => runtime.block_on(cli::run(args)),
    };
    // A thread that still waits for a terminal or a pipe must not hold the program.
    runtime.shutdown_background();
    code
}

/// What the console opens on.
#[derive(Clone, Copy, PartialEq)]
enum Scene {
    Estate,
    Demo,
}

async fn console(args: Args, scene: Scene) -> u8 {
    let printer = print::Printer::new(if args.conduct.json { print::Form::Json } else { print::Form::Text });
    match open_console(args, scene).await {
        Ok(Ended::Quit) => exit::DONE,
        Ok(Ended::Signal(_)) => exit::of_fault(Fault::Interrupted),
        // crossterm's own thread may spin from here on: leave at once.
        Ok(Ended::TerminalGone) => std::process::exit(i32::from(exit::of_fault(Fault::Interrupted))),
        Err(report) => {
            printer.failure(&report);
            exit::of_fault(report.fault)
        }
    }
}

async fn open_console(args: Args, scene: Scene) -> Result<Ended, Report> {
    let access = if args.conduct.read_only { Access::ReadOnly } else { Access::AsEstate };
    let mut settings = Settings { estate: args.place.estate, state_dir: args.place.state_dir, access, ad_hoc: None };
    let mut wishes = wishes(&args.looks);
    let mut sandbox = None;
    if scene == Scene::Demo {
        let folder = tempfile::Builder::new().prefix("breakglass-demo-").tempdir();
        let folder = folder.map_err(|error| Report::new(Fault::Failed, "demo::folder", error, "see TMPDIR"))?;
        let root = folder.path().to_owned();
        let built = tokio::task::spawn_blocking(move || demo::build(&root, now())).await;
        let built = built.map_err(|error| Report::new(Fault::Failed, "demo::died", error, ""))?;
        let built = built.map_err(|error| error.report())?;
        wishes.tip = format!("demo: load its key with K; the passphrase is {}", built.passphrase);
        settings.estate = Some(built.estate_path);
        settings.state_dir = Some(folder.path().join("state"));
        sandbox = Some(folder);
    }
    let session = Session::open(settings).await?;
    session.start_log(args.conduct.log.as_deref())?;
    cli::load_given_keys((Place::default(), args.keys, args.conduct), &session).await?;
    terminal::install_panic_hook(session.paths().log_file());
    let ended = door::open(session.clone(), wishes).await;
    session.close(Duration::from_secs(1)).await;
    drop(sandbox);
    ended
}

fn wishes(looks: &Looks) -> Wishes {
    let glyphs = match (looks.ascii, looks.unicode) {
        (true, _) => Some("ascii"),
        (_, true) => Some("unicode"),
        _ => None,
    };
    Wishes {
        theme: looks.theme.clone(),
        glyphs,
        mouse: if looks.mouse { terminal::Mouse::On } else { terminal::Mouse::Off },
        form: if looks.plain { Form::Lines } else { Form::Screen },
        tip: String::new(),
    }
}

fn report_panic(info: &panic::PanicHookInfo<'_>) {
    ask::restore_terminal();
    let place = info.location().map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
    let what = info.payload_as_str().unwrap_or("no reason given");
    eprintln!("breakglass: this is a bug in breakglass{place}: {}", escape(what));
}
