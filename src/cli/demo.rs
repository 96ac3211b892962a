//! `demo --into`: the sandbox in a folder of its own, for the headless verbs.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use clap::Args as ArgGroup;
use serde_json::json;

use crate::cli::door::{Door, blocking};
use crate::cli::error::CliError;
use crate::cli::exit::DONE;
use crate::cli::print::Form;
use crate::model::foreign::escape;
use crate::report::{Report, Reportable};
use crate::work::demo::{self, DemoEstate};
use crate::work::export;
use crate::work::session::now;

/// Arguments of `demo`.
#[derive(Debug, ArgGroup)]
pub struct DemoArgs {
    /// Build the sandbox in this new folder, keep it, and print how to use it, instead of opening the console
    #[arg(long, value_name = "DIR")]
    pub into: Option<PathBuf>,
}

/// Builds the sandbox and says how to use it. Without `--into` the console's door is the one that opens.
pub async fn run(door: &Door, args: DemoArgs) -> Result<u8, Report> {
    let Some(folder) = args.into else {
        let what = "the demo's console needs a terminal";
        return Err(
            CliError::usage(what, "build the sandbox for the headless verbs: breakglass demo --into DIR").into()
        );
    };
    let made = fs::DirBuilder::new().mode(0o700).create(&folder);
    made.map_err(|source| {
        let path = escape(&folder.to_string_lossy());
        Report::from(CliError::File { what: "the sandbox's folder", done: "made", path, source })
    })?;
    let built = blocking(move || {
        let built = demo::build(&folder, now()).map_err(|error| error.report())?;
        export::write_new(&built.root.join("passphrase"), format!("{}\n", built.passphrase).as_bytes())?;
        Ok(built)
    })
    .await?;
    print(door, &built)
}

fn print(door: &Door, built: &DemoEstate) -> Result<u8, Report> {
    let text = |path: &Path| escape(&path.to_string_lossy());
    let (estate, key) = (text(&built.estate_path), text(&built.key_path));
    let (state, passphrase) = (text(&built.root.join("state")), text(&built.root.join("passphrase")));
    if door.printer().form() == Form::Json {
        let line = json!({
            "folder": text(&built.root), "estate": estate, "state_dir": state, "key": key,
            "passphrase_file": passphrase, "fingerprint": built.fingerprint, "backups": built.backups,
            "keys": built.vault_keys.iter().map(|key| json!({"name": key.name, "file": text(&key.path)})).collect::<Vec<_>>(),
        });
        return door.printer().json(&line).map(|()| DONE);
    }
    let keys: Vec<String> = built.vault_keys.iter().map(|key| text(&key.path)).collect();
    door.printer().facts(&[
        ("estate", estate),
        ("state", state),
        ("key", key),
        ("passphrase", format!("{} (also in {passphrase})", built.passphrase)),
        ("more keys", keys.join("\n")),
        ("backups", built.backups.to_string()),
    ])?;
    Ok(DONE)
}
