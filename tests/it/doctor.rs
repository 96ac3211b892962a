//! What `doctor` finds, on estates with one thing wrong each.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use breakglass::work::doctor::{Finding, Health, examine};
use breakglass::work::session::{Session, Settings};
use tempfile::TempDir;

use crate::support;
use crate::support::databases::servers;

struct Patient {
    folder: TempDir,
}

impl Patient {
    fn new() -> Self {
        Self { folder: support::scratch() }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    async fn session(&self, estate: &str) -> Session {
        let file = self.path("estate.toml");
        fs::write(&file, format!("name = \"test\"\n{estate}")).unwrap();
        let settings = Settings { estate: Some(file), state_dir: Some(self.path("state")), ..Settings::default() };
        Session::open(settings).await.unwrap_or_else(|report| panic!("{report:?}"))
    }

    async fn examined(&self, estate: &str) -> Vec<Finding> {
        examine(&self.session(estate).await).await
    }

    /// A copy of a fixture's key.
    fn key(&self, name: &str, mode: u32) -> String {
        let path = self.path(name);
        fs::copy(support::root().join("tests/it/vectors/dbacked/keys").join(name), &path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path.display().to_string()
    }
}

fn of<'a>(findings: &'a [Finding], subject: &str, outcome: Health) -> &'a Finding {
    let found = findings.iter().find(|finding| finding.subject == subject && finding.outcome == outcome);
    found.unwrap_or_else(|| panic!("no {outcome:?} for {subject}: {findings:#?}"))
}

fn objects() -> String {
    support::root().join("tests/it/vectors/dbacked/objects").display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_estate_has_only_good_news() {
    let patient = Patient::new();
    let key = patient.key("dbacked_private_key.pem", 0o600);
    let print = "a".repeat(64);
    let estate = format!(
        "[targets.local]\nurl = \"file://{}/\"\n[keys.dr]\nfile = \"{key}\"\nfingerprint = \"sha256:{print}\"\n",
        objects()
    );
    let findings = patient.examined(&estate).await;
    for subject in ["target local", "key dr", "state folder", "audit log"] {
        of(&findings, subject, Health::Ok);
    }
    assert!(findings.iter().all(|finding| finding.outcome != Health::Fail), "{findings:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_target_is_named_and_the_others_are_checked() {
    let patient = Patient::new();
    let estate = format!(
        "[targets.gone]\nurl = \"file:///nonexistent/backups/\"\n\
         [targets.closed]\nurl = \"s3://bucket/\"\nendpoint = \"http://127.0.0.1:9\"\nregion = \"us-east-1\"\n\
         [targets.good]\nurl = \"file://{}/\"\n",
        objects()
    );
    let findings = patient.examined(&estate).await;
    for subject in ["target gone", "target closed"] {
        assert!(!of(&findings, subject, Health::Fail).advice.is_empty());
    }
    of(&findings, "target good", Health::Ok);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_folder_and_a_clock_that_is_ahead_are_remarked() {
    let patient = Patient::new();
    let (empty, future) = (patient.path("empty"), patient.path("future"));
    fs::create_dir(&empty).unwrap();
    fs::create_dir(&future).unwrap();
    let file = fs::File::create(future.join("dump.sql")).unwrap();
    std::io::Write::write_all(&mut &file, b"SELECT 1;").unwrap();
    file.set_modified(std::time::SystemTime::now() + std::time::Duration::from_secs(7200)).unwrap();
    let estate = format!(
        "[targets.empty]\nurl = \"file://{}/\"\n[targets.future]\nurl = \"file://{}/\"\n",
        empty.display(),
        future.display()
    );
    let findings = patient.examined(&estate).await;
    assert!(of(&findings, "target empty", Health::Warn).text.contains("empty"));
    assert!(of(&findings, "target future", Health::Warn).text.contains("clock"));
    of(&findings, "target future", Health::Ok);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_thing_that_can_be_wrong_with_a_key_has_its_own_words() {
    let patient = Patient::new();
    let open = patient.key("dbacked_private_key.pem", 0o644);
    let plain = patient.key("rsa2048-pkcs8-plain.pem", 0o600);
    let public = patient.key("dbacked_public_key.pem", 0o600);
    let damaged = patient.key("damaged-truncated.pem", 0o600);
    let body = patient.key("damaged-body.pem", 0o600);
    let curve = patient.key("wrong-ec.pem", 0o600);
    let other = "b".repeat(64);
    let estate = format!(
        "[keys.gone]\nfile = \"/nonexistent/key.pem\"\n[keys.open]\nfile = \"{open}\"\n\
         [keys.plain]\nfile = \"{plain}\"\nfingerprint = \"sha256:{other}\"\n\
         [keys.public]\nfile = \"{public}\"\n[keys.damaged]\nfile = \"{damaged}\"\n\
         [keys.curve]\nfile = \"{curve}\"\n[keys.body]\nfile = \"{body}\"\n"
    );
    let findings = patient.examined(&estate).await;
    assert!(of(&findings, "key gone", Health::Fail).advice.contains("estate"));
    assert!(of(&findings, "key open", Health::Fail).advice.contains("chmod 600"));
    assert!(of(&findings, "key open", Health::Warn).advice.contains("fingerprint"));
    assert!(of(&findings, "key plain", Health::Fail).text.contains("the estate names"));
    assert!(of(&findings, "key plain", Health::Warn).text.contains("not encrypted"));
    assert!(of(&findings, "key public", Health::Fail).text.contains("public key"));
    for subject in ["key damaged", "key body"] {
        assert!(!of(&findings, subject, Health::Fail).advice.is_empty());
    }
    assert!(of(&findings, "key curve", Health::Warn).text.contains("not encrypted")); // EC opens CMS
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_port_is_a_failure_with_advice() {
    let patient = Patient::new();
    let estate = "[servers.staging]\nurl = \"mysql://root@127.0.0.1:9\"\n";
    let findings = patient.examined(estate).await;
    assert!(of(&findings, "server staging", Health::Fail).advice.contains("port"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_audit_chain_is_found() {
    let patient = Patient::new();
    let session = patient.session("").await;
    session.event("test", "one", "ok", "").unwrap();
    session.event("test", "two", "ok", "").unwrap();
    let log = session.audit_path().to_owned();
    let text = fs::read_to_string(&log).unwrap().replace("\"one\"", "\"eno\"");
    fs::write(&log, text).unwrap();
    assert!(of(&examine(&session).await, "audit log", Health::Fail).text.contains("broken"));
}

fn option_file(folder: &Path, text: &str) -> String {
    let path = folder.join("my.cnf");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_logged_in_to_and_its_rights_are_held_against_what_a_restore_needs() {
    for server in servers() {
        let patient = Patient::new();
        let database = server.database();
        let user = format!("poor_{}", std::process::id());
        database
            .sql(&format!("CREATE USER '{user}'@'%'; GRANT SELECT, INSERT ON `{}`.* TO '{user}'@'%';", database.name));
        let (port, empty) = (server.port, option_file(patient.folder.path(), ""));
        let section = |name: &str, user: &str, more: &str| {
            format!("[servers.{name}]\nurl = \"mysql://{user}@127.0.0.1:{port}\"\ndefaults_file = \"{empty}\"\n{more}")
        };
        let estate = [
            section("mighty", "root", ""),
            section("poor", &user, ""),
            section("moved", "root", "expect = { server_uuid = \"23771871-e5ee-11f1-869b-02fc00000001\" }\n"),
        ];
        let findings = patient.examined(&estate.concat()).await;
        database.sql(&format!("DROP USER '{user}'@'%'"));
        assert!(of(&findings, "server mighty", Health::Ok).text.contains("logged in as root"));
        let poor = findings.iter().find(|found| found.subject == "server poor" && found.text.contains("right to"));
        let poor = poor.unwrap_or_else(|| panic!("{findings:#?}"));
        assert!(poor.text.contains("CREATE") && !poor.text.contains("SELECT"), "{}", poor.text);
        assert!(of(&findings, "server moved", Health::Fail).advice.contains("expected is"));
    }
}
