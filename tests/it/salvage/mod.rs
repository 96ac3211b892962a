//! What is left of broken backups: the shapes that mysql-backup 1.3 left behind, cuts at every length, damage,
//! and hostile archives. Nothing of it may ever look whole.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use breakglass::model::foreign::Foreign;
use breakglass::model::job::Ending;
use breakglass::model::salvage::{Authenticity, SalvageOutcome, SalvageReport, SalvagedTable, TableState};
use breakglass::model::trust::{Rung, VerdictOutcome};
use breakglass::report::{Fault, Report};
use breakglass::seal::secret::Secret;
use breakglass::work::keys::{KeySource, Loaded};
use breakglass::work::salvage;
use breakglass::work::session::{Access, Session, Settings};
use tempfile::TempDir;

use crate::support;

mod cuts;
mod damage;
mod rules;
mod servers;

fn databacker() -> PathBuf {
    support::root().join("tests/it/vectors/databacker")
}

fn object(name: &str) -> Vec<u8> {
    fs::read(databacker().join("objects").join(name)).unwrap()
}

/// A folder of backups, a session over it, and a folder to salvage into.
struct Bench {
    _backups: TempDir,
    out: TempDir,
    _state: TempDir,
    session: Session,
}

impl Bench {
    async fn new(files: &[(&str, Vec<u8>)]) -> Self {
        let bench = Self::locked(files).await;
        for name in ["aes256.key", "chacha20.key.b64", "smime-key-encrypted.pem", "age-identity.txt"] {
            bench.load(&databacker().join("keys").join(name), b"smime key pass").await;
        }
        bench
    }

    async fn locked(files: &[(&str, Vec<u8>)]) -> Self {
        Self::with(files, Access::AsEstate).await
    }

    async fn with(files: &[(&str, Vec<u8>)], access: Access) -> Self {
        let (backups, out, state) = (support::scratch(), support::scratch(), support::scratch());
        for (name, bytes) in files {
            fs::write(backups.path().join(name), bytes).unwrap();
        }
        let ad_hoc = Some(backups.path().to_string_lossy().into_owned());
        let state_dir = Some(state.path().to_owned());
        let session = Session::open(Settings { ad_hoc, state_dir, access, ..Settings::default() }).await.unwrap();
        session.refresh();
        session.settled().await;
        Self { _backups: backups, out, _state: state, session }
    }

    async fn load(&self, key: &Path, passphrase: &[u8]) {
        let passphrase = Some(Secret::new(passphrase.to_vec()));
        let loaded = self.session.load_key(KeySource::File(key.to_owned()), passphrase).await;
        assert!(matches!(loaded, Ok(Loaded::Key(_))), "{}: {:?}", key.display(), loaded.err());
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.out.path().join(format!("{}.salvaged", name.replace(':', "_")))
    }

    /// Salvages one into a folder of its own, and checks what holds for every salvage.
    async fn salvage(&self, name: &str) -> Result<SalvageReport, Report> {
        let folder = self.folder(name);
        let backup = self.session.find(&format!("here:{name}"))?;
        let order = salvage::order(&backup.id, &format!("dir:{}", folder.display()))?;
        let typed = order.name().clone();
        let job = self.session.start_salvage(order.agree(&typed).unwrap())?;
        match self.session.ended(job).await.unwrap().ending {
            Some(Ending::Salvaged(report)) => {
                never_whole(&folder, &report);
                Ok(*report)
            }
            Some(Ending::Failed(Some(report))) => {
                assert!(!folder.exists(), "{name}: nothing came out, and something was left");
                Err(*report)
            }
            other => panic!("{name}: {other:?}"),
        }
    }

    fn text(&self, name: &str, file: &str) -> String {
        fs::read_to_string(self.folder(name).join(file)).unwrap()
    }

    async fn verdict(&self, name: &str) -> VerdictOutcome {
        let backup = self.session.find(&format!("here:{name}")).unwrap();
        let job = self.session.start_verify(&backup.id, Rung::Whole).unwrap();
        match self.session.ended(job).await.unwrap().ending {
            Some(Ending::Verified(proof)) => proof.outcome,
            other => panic!("{name}: {other:?}"),
        }
    }
}

/// Every file is private and named as what it is, and the report is what stands in the folder.
fn never_whole(folder: &Path, report: &SalvageReport) {
    let mut names = vec![];
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    let mut wanted: Vec<String> = report.files.iter().map(|file| file.file.clone()).collect();
    wanted.extend(["REPORT.txt".to_owned(), "report.json".to_owned()]);
    wanted.sort();
    assert_eq!(names, wanted);
    let kept: SalvageReport = serde_json::from_slice(&fs::read(folder.join("report.json")).unwrap()).unwrap();
    assert_eq!((&kept.files, &kept.met), (&report.files, &report.met));
    assert!(fs::read_to_string(folder.join("REPORT.txt")).unwrap().contains("NOT RESTORED"));
    for file in &report.files {
        let bytes = fs::read(folder.join(&file.file)).unwrap();
        assert_eq!(bytes.len() as u64, file.bytes.0);
        if file.file.ends_with(".sql") {
            let text = String::from_utf8_lossy(&bytes);
            assert!(file.file.ends_with(".partial.sql"), "{}", file.file);
            assert!(text.starts_with("-- SALVAGED by breakglass"), "{}", file.file);
            let last = text.trim_end().lines().last().unwrap();
            assert!(last.starts_with("-- SALVAGED, NOT A WHOLE DUMP: ") && last.contains(&file.missing), "{last}");
        } else {
            assert!(file.file.ends_with(".partial"), "{}", file.file);
        }
    }
}

fn table<'a>(report: &'a SalvageReport, name: &str) -> &'a SalvagedTable {
    let mut tables = report.files.iter().flat_map(|file| &file.tables);
    tables.find(|table| table.table == Foreign::from(name)).unwrap_or_else(|| panic!("{name}: {:#?}", report.files))
}

/// A program's standard output, from this input.
fn piped(input: &[u8], program: &str, args: &[&str]) -> Vec<u8> {
    let (folder, mut command) = (support::scratch(), Command::new(program));
    let from = folder.path().join("input");
    fs::write(&from, input).unwrap();
    let done = command.args(args).stdin(fs::File::open(from).unwrap()).output().unwrap();
    assert!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
    done.stdout
}

/// An archive of these members, made by `tar`.
fn tar(members: &[(&str, &str)]) -> Vec<u8> {
    let folder = support::scratch();
    for (name, text) in members {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let names: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    let at = folder.path().to_string_lossy().into_owned();
    piped(b"", "tar", &[&["-C", &at, "--force-local", "-cf", "-", "--"], names.as_slice()].concat())
}

/// A dump as `mysql-backup` writes it: tables `t0`, `t1`, ... with as many rows each, and a view.
fn dump(database: &str, tables: usize, rows: usize) -> String {
    let mut text = format!(
        "-- Go SQL Dump 0.6.0\n--\n-- Host: db    Database: {database}\n-- Server version\t8.0.36\n\n\
         /*!40101 SET NAMES utf8mb4 */;\n/*!40014 SET FOREIGN_KEY_CHECKS=0 */;\n\
         CREATE DATABASE /*!32312 IF NOT EXISTS*/ `{database}`;\nUSE `{database}`;\n"
    );
    let mut dice = 88_172_645_463_325_252_u64;
    for table in 0..tables {
        text += &format!(
            "--\n-- Table structure for table `t{table}`\n--\n\nDROP TABLE IF EXISTS `t{table}`;\n\
             CREATE TABLE `t{table}` (\n  `id` int NOT NULL,\n  `note` varchar(80) DEFAULT NULL,\n  PRIMARY KEY (`id`)\n);\n\n\
             LOCK TABLES `t{table}` WRITE;\n/*!40000 ALTER TABLE `t{table}` DISABLE KEYS */;\n"
        );
        for from in (0..rows).step_by(50) {
            let values = (from..rows.min(from + 50)).map(|row| {
                dice ^= dice << 13;
                dice ^= dice >> 7;
                dice ^= dice << 17;
                format!("({row},'it\\'s; {dice:x} -- \\n')")
            });
            let values: Vec<String> = values.collect();
            text += &format!("INSERT INTO `t{table}` (`id`, `note`) VALUES {};\n", values.join(","));
        }
        text += &format!("/*!40000 ALTER TABLE `t{table}` ENABLE KEYS */;\nUNLOCK TABLES;\n\n");
    }
    text + "/*!40014 SET FOREIGN_KEY_CHECKS=1 */;\n\n-- Dump completed on 2026-10-05 01:00:00"
}
