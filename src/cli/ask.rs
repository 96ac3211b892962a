//! Questions on the terminal: y/N, a typed name, a passphrase that is not shown.
//!
//! Nothing is ever asked where nobody can answer: the refusal names the flag that answers instead.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::termios::{LocalModes, OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::cli::error::CliError;
use crate::model::foreign::Foreign;
use crate::model::question::{Asks, Question};
use crate::report::{Report, Reportable};
use crate::work::keys::{Secret, SecretBuffer};

/// Longest passphrase in bytes.
pub const PASSPHRASE_LIMIT: usize = SecretBuffer::CAPACITY;

static ASKING: AtomicBool = AtomicBool::new(false);

/// How the terminal was before a passphrase was asked for, so that any way out restores it.
static BEFORE: Mutex<Option<(File, Termios)>> = Mutex::new(None);

/// Asks a y/N question; N is what enter means.
///
/// # Errors
///
/// Refused when the answer is not yes, or when there is no terminal: `flag` then says what to give instead.
pub fn yes_no(question: &str, flag: &str) -> Result<(), Report> {
    let answer = shown_line(&format!("{question} [y/N] "), flag)?;
    match answer.to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(CliError::NotConfirmed.into()),
    }
}

/// Asks for the name of what will be overwritten.
///
/// # Errors
///
/// As [`yes_no`]; whether the name is the right one is for the plan to judge.
pub fn typed_name(question: &str, flag: &str) -> Result<Foreign, Report> {
    let answer = shown_line(&format!("{question} "), flag)?;
    if answer.is_empty() { Err(CliError::NotConfirmed.into()) } else { Ok(Foreign::from(answer)) }
}

/// Asks for the passphrase of something, without showing it.
///
/// # Errors
///
/// Refused without a terminal, interrupted at ctrl-c.
pub fn passphrase(of: &str) -> Result<Secret, Report> {
    let question = format!("Passphrase for {of}:");
    let flag = "give it with --passphrase-file FILE or --passphrase-fd N";
    let mut tty = terminal(&question, flag)?;
    hidden_line(&mut tty, &question).map_err(|error| error.report())
}

/// Asks for a new passphrase twice.
///
/// # Errors
///
/// As [`passphrase`]; also when it is empty or the two differ.
pub fn new_passphrase(of: &str) -> Result<Secret, Report> {
    let question = format!("New passphrase for {of}:");
    let flag = "give it with --passphrase-file FILE or --passphrase-fd N";
    let mut tty = terminal(&question, flag)?;
    let typed = hidden_line(&mut tty, &question).map_err(|error| error.report())?;
    let again = hidden_line(&mut tty, "The same again:").map_err(|error| error.report())?;
    if typed.expose().is_empty() {
        return Err(CliError::NewPassphrase("an empty passphrase protects nothing").report());
    }
    if typed.expose() != again.expose() {
        return Err(CliError::NewPassphrase("the two passphrases differ").report());
    }
    Ok(typed)
}

/// Whether somebody sits at a terminal and can be asked.
pub fn somebody() -> bool {
    terminal("", "").is_ok()
}

/// Whether a question of [`login`] stands on the terminal: nothing else may be written there.
pub fn is_asking() -> bool {
    ASKING.load(Ordering::Relaxed)
}

/// Asks what a target's login asks; `None`: declined.
///
/// # Errors
///
/// Interrupted at ctrl-c, refused without a terminal.
pub fn login(question: &Question) -> Result<Option<Secret>, Report> {
    struct Asking;
    impl Drop for Asking {
        fn drop(&mut self) {
            ASKING.store(false, Ordering::Relaxed);
        }
    }
    ASKING.store(true, Ordering::Relaxed);
    let _asking = Asking;
    let flag = "load the key into an agent, and connect once with `ssh`";
    let target = &question.target;
    match &question.asks {
        Asks::HostKey { host, kind, fingerprint } => {
            let text = format!(
                "\r\x1b[KTarget {target}: this machine has not met {host} before. Its {kind} key is\n  {fingerprint}\n\
                 Compare it with the one that the server's owner gives you. Is it the right one?"
            );
            match yes_no(&text, flag) {
                Ok(()) => Ok(Some(Secret::new(vec![]))),
                Err(report) if report.code == CliError::NotConfirmed.report().code => Ok(None),
                Err(report) => Err(report),
            }
        }
        Asks::Secret { prompt } => {
            let again = if question.again { "That was not accepted.\n" } else { "" };
            let text = format!("\r\x1b[K{again}Target {target} asks: {prompt}");
            let mut tty = terminal(&text, flag)?;
            let answer = hidden_line(&mut tty, &text).map_err(|error| error.report())?;
            Ok(Some(answer).filter(|answer| !answer.expose().is_empty()))
        }
        Asks::Touch { text } => {
            let mut tty = terminal("", flag)?;
            let _ = writeln!(tty, "\r\x1b[KTarget {target}: {text}");
            Ok(None)
        }
    }
}

/// Puts the terminal back as it was, if a question is open. For signals and panics.
pub fn restore_terminal() {
    if let Some((tty, before)) = saved().take() {
        let _ = tcsetattr(&tty, OptionalActions::Flush, &before);
        let _ = writeln!(&tty);
    }
}

fn saved() -> MutexGuard<'static, Option<(File, Termios)>> {
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The terminal of this process, if somebody sits at it: a cron job that was started from one must not hang.
fn terminal(question: &str, flag: &str) -> Result<File, Report> {
    let asked = || question.trim_end().trim_end_matches(" [y/N]").to_owned();
    let nobody = || CliError::NoTerminal { question: asked(), flag: flag.to_owned() }.report();
    if !io::stdin().is_terminal() && !io::stderr().is_terminal() {
        return Err(nobody());
    }
    OpenOptions::new().read(true).write(true).open("/dev/tty").map_err(|_| nobody())
}

fn shown_line(question: &str, flag: &str) -> Result<String, Report> {
    let mut tty = terminal(question, flag)?;
    let ask = |tty: &mut File| -> io::Result<String> {
        let _ = tcflush(&*tty, QueueSelector::IFlush);
        tty.write_all(question.as_bytes())?;
        let mut line = String::new();
        BufReader::new(tty.take(4096)).read_line(&mut line)?;
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    };
    ask(&mut tty).map_err(|error| CliError::Terminal(error).report())
}

/// Restores the terminal when the question is left, however that happens.
struct Hidden;

impl Hidden {
    fn begin(tty: &File) -> io::Result<Self> {
        let before = tcgetattr(tty)?;
        let mut quiet = before.clone();
        // Signals are off as well: ctrl-c arrives as a byte and leaves by the same way as every answer.
        quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG | LocalModes::IEXTEN);
        *saved() = Some((tty.try_clone()?, before));
        let begun = Self;
        tcsetattr(tty, OptionalActions::Flush, &quiet)?;
        Ok(begun)
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        restore_terminal();
    }
}

fn hidden_line(tty: &mut File, question: &str) -> Result<Secret, CliError> {
    let _hidden = Hidden::begin(tty).map_err(CliError::Terminal)?;
    write!(tty, "{question} ").map_err(CliError::Terminal)?;
    let mut typed = SecretBuffer::new();
    loop {
        match next_char(tty).map_err(CliError::Terminal)? {
            Some('\r' | '\n') => return Ok(typed.into_secret()),
            Some('\u{3}') | None => return Err(CliError::Interrupted),
            Some('\u{4}') if typed.is_empty() => return Err(CliError::Interrupted),
            Some('\u{8}' | '\u{7f}') => _ = typed.pop(),
            Some('\u{15}') => typed.clear(),
            Some(c) if c.is_control() => {}
            Some(c) => _ = typed.push(c),
        }
    }
}

/// One character, byte by byte: a buffered reader would keep the passphrase in memory of its own.
fn next_char(tty: &mut File) -> io::Result<Option<char>> {
    let mut bytes = Zeroizing::new([0_u8; 4]);
    for len in 1..=4 {
        if tty.read(&mut bytes[len - 1..len])? == 0 {
            return Ok(None);
        }
        if let Ok(text) = std::str::from_utf8(&bytes[..len]) {
            return Ok(text.chars().next());
        }
    }
    Ok(Some(char::REPLACEMENT_CHARACTER))
}
