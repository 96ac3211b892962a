//! A session for these tests: over a folder or an estate, with the fixtures' keys.

use std::path::Path;
use std::sync::Arc;

use breakglass::model::backup::Backup;
use breakglass::model::job::{Ending, JobId, RestoreReport};
use breakglass::model::plan::{ConfirmAnswer, Confirmed, PlanFinding, RestorePlan, Stance};
use breakglass::model::sink::{DirSink, MysqlSink, Sink};
use breakglass::report::Report;
use breakglass::seal::secret::Secret;
use breakglass::work::keys::{KeySource, Loaded};
use breakglass::work::plan::{PlanRequest, STATEMENT_LIMIT};
use breakglass::work::session::{Session, Settings};
use tempfile::TempDir;

use super::vector;
use crate::support;
use crate::support::databases::Database;

pub struct Console {
    pub session: Session,
    _state: TempDir,
}

/// Over one folder, without an estate.
pub async fn over(folder: &Path) -> Console {
    let ad_hoc = Some(folder.to_string_lossy().into_owned());
    open(Settings { ad_hoc, ..Settings::default() }).await
}

/// Over the fixtures, both keys loaded.
pub async fn fixtures() -> Console {
    let console = over(&vector("objects")).await;
    console.load_keys().await;
    console
}

pub async fn open(settings: Settings) -> Console {
    let state = support::scratch();
    let settings = Settings { state_dir: Some(state.path().to_owned()), ..settings };
    let session = Session::open(settings).await.unwrap();
    session.refresh();
    session.settled().await;
    Console { session, _state: state }
}

pub fn sink(database: &Database) -> Sink {
    Sink::Mysql(MysqlSink { server: database.server.reference(), database: database.foreign() })
}

pub fn dir(path: &Path) -> Sink {
    Sink::Dir(DirSink { path: path.to_owned() })
}

impl Console {
    pub async fn load_keys(&self) {
        for name in ["dbacked_private_key.pem", "rsa2048-pkcs8-plain.pem"] {
            let passphrase = Secret::new(b"correct horse battery staple".to_vec());
            let loaded = self.session.load_key(KeySource::File(vector("keys").join(name)), Some(passphrase)).await;
            assert!(matches!(loaded, Ok(Loaded::Key(_))), "{name}");
        }
    }

    pub fn backup(&self, name: &str) -> Arc<Backup> {
        self.session.find(&format!("here:{name}")).unwrap()
    }

    pub fn request(&self, name: &str, into: Sink) -> PlanRequest {
        let backup = self.backup(name).id.clone();
        PlanRequest {
            backup,
            into,
            tables: None,
            databases: None,
            renames: vec![],
            choices: [].into(),
            statement_limit: STATEMENT_LIMIT,
        }
    }

    pub async fn plan(&self, name: &str, into: Sink) -> Result<RestorePlan, Report> {
        self.session.plan(self.request(name, into)).await
    }

    /// A plan again, with every choice made that leaves statements out.
    pub async fn plan_dropping(&self, name: &str, plan: &RestorePlan) -> Result<RestorePlan, Report> {
        let mut request = self.request(name, plan.into.clone());
        let droppable = plan.findings.iter().filter(|finding| finding.choices.iter().any(|choice| choice == "drop"));
        request.choices = droppable.map(|finding| (finding.code.clone(), "drop".to_owned())).collect();
        self.session.plan(request).await
    }

    pub async fn run(&self, plan: RestorePlan) -> Result<RestoreReport, Report> {
        let job = self.session.start_restore(approved(plan))?;
        self.report(job).await
    }

    pub async fn report(&self, job: JobId) -> Result<RestoreReport, Report> {
        match self.session.ended(job).await.unwrap().ending {
            Some(Ending::Restored(report)) => Ok(*report),
            Some(Ending::Failed(Some(report))) => Err(*report),
            other => panic!("{other:?}"),
        }
    }
}

/// As `--approve DIGEST` does.
pub fn approved(plan: RestorePlan) -> Confirmed<RestorePlan> {
    let digest = plan.digest();
    plan.confirm(&ConfirmAnswer::Digest(digest)).unwrap_or_else(|plan| panic!("stopped by {:?}", plan.stopped_by()))
}

pub fn finding<'a>(plan: &'a RestorePlan, code: &str) -> &'a PlanFinding {
    plan.findings.iter().find(|finding| finding.code == code).unwrap_or_else(|| panic!("{code}: {:?}", plan.findings))
}

pub fn stops(plan: &RestorePlan) -> Vec<&str> {
    plan.findings.iter().filter(|finding| finding.stance == Stance::Stops).map(|f| f.code.as_str()).collect()
}
