use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::disk::estate::EstateTarget;
use crate::model::retention::Keep;
use crate::model::target::Location;
use crate::model::target::{PathStyle, Target, TargetName};
use crate::report::Reportable;
use crate::work::config::load;

const FILE: &str = r#"# as its documentation shows it
version: config.databack.io/v1
kind: local
metadata:
  name: prod
spec:
  database:
    server: db-1
    port: 3307
    credentials:
      username: backup
      password: 0123-marker
  dump:
    safechars: true
    schedule:
      cron: "0 3 * * *"
    filenamePattern: "sql-{{ .now }}.{{ .compression }}"
    encryption:
      algorithm: chacha20-poly1305
      key: bWFya2VyLWtleS1tYXJrZXIta2V5LW1hcmtlci1rZXk=
    targets: [offsite]
    triggersAndFunctions: true
  prune:
    retention: 30d
  targets:
    offsite:
      type: s3
      url: s3://acme-bak//mysql/./node1
      spec:
        region: eu-west-1
        endpoint: http://127.0.0.1:9000
        pathStyle: true
        accessKeyID: AKIAMARKER
        secretAccessKey: marker-secret
    Local Disk:
      type: file
      url: /var/backups
    share:
      type: smb
      url: smb://dom;user:marker-pass@nas/share/sub
      spec:
        username: user
        password: marker-smb
  telemetry:
    url: https://tel.example/engines/telemetry/1/traces
    certificates: sha256:ab
    credentials: marker-telemetry
"#;

fn read_in(text: &str, env: &[(&str, &str)]) -> Result<Configuration, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yaml");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    load(&path, &Environment::of(env))
}

fn read(text: &str, env: &[(&str, &str)]) -> Configuration {
    read_in(text, env).unwrap_or_else(|error| panic!("{error}"))
}

fn refusal(text: &str) -> ConfigError {
    read_in(text, &[]).map(drop).unwrap_err()
}

fn url(target: &EstateTarget) -> String {
    match target {
        EstateTarget::Ready(target) => target.canonical_url(),
        EstateTarget::NotYet { url, .. } => format!("not yet: {url}"),
    }
}

fn value<'a>(config: &'a Configuration, setting: &str) -> (&'a str, String) {
    let row = config.estate.explain().iter().find(|row| row.setting == setting).unwrap();
    let origin = match &row.origin {
        Origin::File { line, .. } => line.to_string(),
        other => other.to_string(),
    };
    (&row.value, origin)
}

#[test]
fn a_local_configuration_is_an_estate() {
    let config = read(FILE, &[]);
    let estate = &config.estate;
    assert_eq!(estate.name, "prod");
    let urls: Vec<String> = estate.targets.iter().map(url).collect();
    let s3 = "s3://acme-bak/mysql/node1/?endpoint=http://127.0.0.1:9000";
    assert_eq!(urls, [s3, "file:///var/backups/", "not yet: smb://nas/share/sub"]);
    assert_eq!(estate.targets[1].name().as_str(), "local-disk");
    let EstateTarget::Ready(Target { location: Location::S3(s3), .. }) = &estate.targets[0] else { panic!("S3") };
    let keys = &config.secrets.access_keys[s3.credentials.as_deref().unwrap()];
    assert_eq!((keys.id.expose(), keys.secret.expose()), ("AKIAMARKER", "marker-secret"));
    assert_eq!((s3.region.as_deref(), s3.path_style), (Some("eu-west-1"), PathStyle::Always));
    let server = estate.server(SERVER).unwrap();
    assert_eq!(server.address, ServerAddress::Tcp { host: "db-1".into(), port: 3307 });
    assert_eq!(config.secrets.passwords[SERVER].expose(), "0123-marker");
    assert_eq!((estate.keys[0].name.as_str(), estate.keys[0].held), (KEY, true));
    assert_eq!(*config.secrets.keys[KEY], b"marker-key-marker-key-marker-key");
    let telemetry = estate.telemetry.as_ref().unwrap();
    assert_eq!(telemetry.certificates, ["sha256:ab"], "a scalar where a list belongs, as the samples have it");
}

#[test]
fn only_targets_that_are_dumped_to_are_pruned_and_all_are_named_alike() {
    let estate = read(FILE, &[]).estate;
    let habits = |name: &str| estate.habits_of(&TargetName::new(name).unwrap()).unwrap();
    assert_eq!(habits("offsite").retention.as_ref().map(Retention::keep), Some(Keep::Hours(720)));
    assert_eq!(habits("local-disk").retention, None);
    assert_eq!(habits("local-disk").filename_pattern.as_deref(), Some("sql-{{ .now }}.{{ .compression }}"));
    let odd = read(&FILE.replace("30d", "30days"), &[]).estate;
    assert!(odd.notes.remarks.iter().any(|remark| remark.contains("nothing is ever deleted by it")));
}

#[test]
fn everything_says_where_it_came_from_and_no_secret_is_shown() {
    let config = read(FILE, &[("DB_USER", "restore"), ("DB_AWS_REGION", "mars-1")]);
    assert_eq!(value(&config, "spec.database.server"), ("db-1", "8".to_owned()));
    assert_eq!(value(&config, "spec.database.credentials.username"), ("restore", "$DB_USER".to_owned()));
    assert_eq!(value(&config, "spec.database.credentials.password").0, "(a secret; not shown)");
    assert_eq!(value(&config, "spec.targets.offsite.spec.region").0, "eu-west-1", "its own word holds for a target");
    assert_eq!(value(&config, "spec.targets.share.url").0, "smb://nas/share/sub");
    let told = format!("{:?}", config.estate);
    for secret in ["marker", "AKIA", "bWFya2Vy", "dom;"] {
        assert!(!told.contains(secret), "{secret}: {told}");
    }
}

#[test]
fn what_the_tool_drops_without_a_word_is_told_with_its_line() {
    let remarks = read(FILE, &[]).estate.notes.remarks;
    let dropped = "line 22: `spec.dump.triggersAndFunctions` is no setting of databacker; ignored";
    assert_eq!(remarks.iter().filter(|remark| remark.contains("is no setting")).collect::<Vec<_>>(), [dropped]);
}

#[test]
fn variables_and_their_files_of_the_container_images_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let bare = "version: config.databack.io/v1\nkind: local\nspec: {}\n";
    let (password, host) = (file("password", "from-file\n"), file("host", "db-9\n"));
    let config = read(
        bare,
        &[
            ("DB_SERVER_FILE", &host),
            ("DB_PASS_FILE", &password),
            ("DB_DUMP_TARGET", "s3://bak/one /srv/two config://gone/"),
            ("DB_RESTORE_TARGET", "s3://bak/one/"),
            ("DB_AWS_ACCESS_KEY_ID", "AKIA1"),
            ("DB_AWS_SECRET_ACCESS_KEY", "s1"),
            ("DB_DUMP_ENCRYPTION_KEY_PATH", "keys/dump.key"),
        ],
    );
    let urls: Vec<String> = config.estate.targets.iter().map(url).collect();
    assert_eq!(urls, ["s3://bak/one/", "file:///srv/two/"], "one target under two names is one");
    assert_eq!(config.estate.servers[0].address, ServerAddress::Tcp { host: "db-9".into(), port: 3306 });
    assert_eq!(config.secrets.passwords[SERVER].expose(), "from-file");
    assert_eq!(value(&config, "spec.database.server").1, "$DB_SERVER_FILE");
    assert!(config.estate.keys[0].file.as_ref().unwrap().ends_with("keys/dump.key"));
    assert_eq!(config.secrets.access_keys["dump"].id.expose(), "AKIA1");
    assert!(config.estate.notes.remarks.iter().any(|remark| remark.contains("`gone` that is not configured")));
    let error = read_in(bare, &[("DB_PASS_FILE", "/nowhere/at/all")]).map(drop).unwrap_err();
    assert!(error.to_string().starts_with("$DB_PASS_FILE: `DB_PASS` names a file"), "{error}");
}

#[test]
fn older_spellings_and_json_are_read_alike() {
    let old = FILE
        .replace("      spec:\n        region", "      details:\n        region")
        .replace("accessKeyID", "access-key-id")
        .replace("secretAccessKey", "secret-access-key")
        .replace("pathStyle", "path-style");
    let config = read(&old, &[]);
    assert_eq!(config.secrets.access_keys["offsite"].secret.expose(), "marker-secret");
    let json = "{\"version\": \"config.databack.io/v1\",\n\"kind\": \"local\",\n\t\"spec\": {\"database\": \
                {\"server\": \"/run/mysqld.sock\"}, \"targets\": {\"a\": {\"type\": \"file\", \"url\": \"file:///b\"}}}}";
    let config = read(json, &[]);
    assert_eq!(url(&config.estate.targets[0]), "file:///b/");
    assert_eq!(config.estate.servers[0].address, ServerAddress::Socket("/run/mysqld.sock".into()));
}

#[test]
fn kinds_that_lie_elsewhere_are_named_and_refused_with_advice() {
    for kind in ["remote", "encrypted"] {
        let error = refusal(&FILE.replace("kind: local", &format!("kind: {kind}")));
        let report = error.report();
        assert_eq!(report.code, "config::kind_not_yet");
        assert!(
            report.headline.ends_with(&format!("of kind {kind}, which this version does not read yet")),
            "{report:?}"
        );
        assert!(report.advice.contains("estate.toml"), "{report:?}");
    }
    let error = refusal(&FILE.replace("databack.io/v1", "databack.io/v2"));
    assert!(
        error.to_string().ends_with("config.yaml:2: `version` is not config.databack.io/v1, the only one there is")
    );
    assert!(refusal(&FILE.replace("kind: local", "kind: other")).to_string().contains(":3: `kind` is none of"));
}

#[test]
fn one_unusable_target_leaves_the_others_usable_and_keeps_its_secret() {
    let text = FILE.replace("url: /var/backups", "url: ftp://user:marker-ftp@host/x");
    let config = read(&text, &[]);
    let told = format!("{:?}", config.estate);
    assert!(!told.contains("marker"), "{told}");
    assert_eq!(config.estate.ready_targets().count(), 1);
    let endpoint = FILE.replace("http://127.0.0.1:9000", "http://u:marker-e@h");
    assert!(!format!("{:?}", read(&endpoint, &[]).estate).contains("marker"));
}

#[test]
fn hostile_and_broken_documents_are_refused_by_line_and_not_repeated() {
    let head = "version: config.databack.io/v1\nkind: local\nspec:\n";
    for bad in [
        format!("{head}  a: marker: marker\n"),
        format!("{head}  a: [marker\n"),
        format!("{head}  a: {}marker\n", "[".repeat(5000)),
        format!("{head}  a: &a [*a]\n"),
        format!("{head}  a: marker\n  a: marker\n"),
    ] {
        let error = refusal(&bad);
        assert!(matches!(error, ConfigError::NotYaml { .. }), "{error:?}");
        assert!(!format!("{error:?} {:?}", error.report()).contains("marker"));
    }
    assert!(is_it("{\"kind\":1,\"version\" : \"config.databack.io/v1\"}"));
    assert!(!is_it("# version: config.databack.io/v1\nname = \"x\"\n"));
    assert!(!is_it("name = \"version config.databack.io/v1\"\n"));
}

#[test]
fn an_estate_may_name_patterns_and_retention_too() {
    let text = "[targets.a]\nurl = \"file:///a\"\nretention = \"7c\"\nfilename_pattern = \"x-{{.now}}.tgz\"\n";
    let estate = read(text, &[]).estate;
    let habits = estate.habits_of(&TargetName::new("a").unwrap()).unwrap();
    assert_eq!(habits.retention.as_ref().map(Retention::keep), Some(Keep::Newest(7)));
    let error = refusal(&text.replace("7c", "7x"));
    assert!(error.to_string().contains(":3: `targets.a.retention` is \"7x\""), "{error}");
    let error = refusal(&text.replace(".now", "if .now"));
    assert!(
        error.to_string().contains(":4: `targets.a.filename_pattern` has an action that is no plain field"),
        "{error}"
    );
}

#[test]
fn a_configured_key_that_only_seals_is_not_offered_for_opening() {
    for algorithm in PUBLIC {
        let estate = read(&FILE.replace("chacha20-poly1305", algorithm), &[]).estate;
        assert_eq!(estate.keys, []);
        assert!(estate.notes.remarks.iter().any(|remark| remark.contains("public half")), "{:?}", estate.notes.remarks);
    }
    let broken = read(FILE, &[("DB_DUMP_ENCRYPTION_KEY", "marker!")]).estate;
    assert_eq!(broken.keys, []);
    assert!(broken.notes.remarks.iter().any(|remark| remark.contains("not base64")));
    assert!(!format!("{broken:?}").contains("marker"));
}
