//! Foreign configurations as an estate: DBacked's `config.json` and databacker's `config.yaml`, as they are.

use std::collections::BTreeMap;
use std::path::Path;

use miette::Diagnostic;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::disk::environment::Environment;
use crate::disk::estate::{self, ConfigFile, Estate, EstateError, EstateId, EstateTarget, Others};
use crate::disk::explain::{Origin, Setting};
use crate::format::names::NamePattern;
use crate::model::foreign::escape;
use crate::model::sink::{PasswordSource, Protection, ServerAddress, ServerRef, TlsMode};
use crate::model::target::{Location, S3Location, Target, TargetName};
use crate::report::{Fault, Reportable};
use crate::work::config_databacker;
use crate::work::config_fields::Fields;
use crate::work::config_targets;

/// Under which name the secrets of a DBacked configuration are held, and what its target and server are called.
pub const DBACKED: &str = "dbacked";

/// Settings that make a file a DBacked configuration.
const TELLING: [&str; 4] = ["s3bucket", "s3accessKeyId", "subscriptionType", "dbType"];

/// Settings whose values are never shown; a connection string holds a password.
const SECRET: [&str; 5] = ["apikey", "s3accessKeyId", "s3secretAccessKey", "dbPassword", "dbConnectionString"];

/// Why a configuration of another tool cannot be used.
#[derive(Debug, Error, Diagnostic)]
pub enum ConfigError {
    /// The estate file itself.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Estate(#[from] EstateError),

    /// It looks like JSON and is not.
    #[error("{file}:{line}: this is not JSON")]
    #[diagnostic(
        code(config::not_json),
        help("a DBacked configuration is one JSON object; the line is where reading stopped")
    )]
    NotJson {
        /// The file, safe to draw.
        file: String,
        /// The line, from 1. Nothing of it is shown: it may hold a secret.
        line: usize,
    },

    /// It is JSON, of some other kind.
    #[error("{file} is JSON, but no DBacked configuration")]
    #[diagnostic(
        code(config::unknown_kind),
        help(
            "known are estate.toml, DBacked's config.json, which has keys such as s3bucket and dbType, and \
              databacker's config.yaml, which has a `version: config.databack.io/v1`"
        )
    )]
    UnknownKind {
        /// The file, safe to draw.
        file: String,
    },

    /// A databacker configuration of a kind that lies elsewhere.
    #[error("{file} is a databacker configuration of kind {kind}, which this version does not read yet")]
    #[diagnostic(
        code(config::kind_not_yet),
        help(
            "write its targets into an estate.toml (see estate.example.toml), or give the file of kind local that it \
              stands for"
        )
    )]
    KindNotYet {
        /// The file, safe to draw.
        file: String,
        /// `remote` or `encrypted`.
        kind: String,
    },

    /// It looks like a databacker configuration and is no YAML, or more than is sane.
    #[error("{file}:{line}: this YAML cannot be read")]
    #[diagnostic(
        code(config::not_yaml),
        help(
            "the line is where reading stopped; no key may stand twice, and documents that unfold to more than a \
              configuration ever holds are refused"
        )
    )]
    NotYaml {
        /// The file, safe to draw.
        file: String,
        /// The line, from 1. Nothing of it is shown: it may hold a secret.
        line: usize,
    },

    /// A value that cannot be used.
    #[error("{at}: `{key}` {what}")]
    #[diagnostic(code(config::wrong_value), help("correct it there; the tool itself would not have worked with it"))]
    WrongValue {
        /// The file or the environment variable, safe to draw.
        at: String,
        /// The setting.
        key: String,
        /// What is wrong with it.
        what: String,
    },
}

impl Reportable for ConfigError {
    fn fault(&self) -> Fault {
        match self {
            Self::Estate(error) => error.fault(),
            Self::KindNotYet { .. }
            | Self::NotJson { .. }
            | Self::NotYaml { .. }
            | Self::UnknownKind { .. }
            | Self::WrongValue { .. } => Fault::Usage,
        }
    }
}

/// A secret that a configuration carried. Wiped on drop; has no `Debug`, `Display` or `Serialize`.
pub struct HeldSecret(Zeroizing<String>);

impl HeldSecret {
    pub(super) fn new(text: Zeroizing<String>) -> Self {
        Self(text)
    }

    /// The secret itself: for the client that needs it, and nobody else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// An access key of S3.
pub struct HeldAccessKey {
    /// Its public half. Not shown all the same: it names an account.
    pub id: HeldSecret,
    /// Its secret half.
    pub secret: HeldSecret,
}

/// The secrets of a configuration, by the names under which target and server refer to them.
#[derive(Default)]
pub struct HeldSecrets {
    /// By [`S3Location::credentials`].
    pub access_keys: BTreeMap<String, HeldAccessKey>,
    /// By [`PasswordSource::Held`].
    pub passwords: BTreeMap<String, HeldSecret>,
    /// By the name of a key of the estate: the bytes of a key file, decoded.
    pub keys: BTreeMap<String, Zeroizing<Vec<u8>>>,
    /// By the name under which the estate's telemetry refers to it.
    pub tokens: BTreeMap<String, HeldSecret>,
}

/// An estate and what came with it.
pub struct Configuration {
    /// What there is.
    pub estate: Estate,
    /// Secrets that its file or environment carried.
    pub secrets: HeldSecrets,
    /// A DBacked configuration's public key in PEM: its fingerprint is the one to expect.
    pub public_key: Option<String>,
}

/// Reads `estate.toml`, a DBacked `config.json` or a databacker `config.yaml`; the content decides, not the name.
///
/// # Errors
///
/// What is wrong with the file, with its line.
pub fn load(path: &Path, env: &Environment) -> Result<Configuration, ConfigError> {
    let file = estate::read(path)?;
    if config_databacker::is_it(&file.text) {
        return config_databacker::read(&file, env);
    }
    if file.text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']).starts_with('{') {
        return dbacked(&file, env);
    }
    let estate = estate::parse(&file, env)?;
    check_patterns(&estate, &file)?;
    Ok(Configuration { estate, secrets: HeldSecrets::default(), public_key: None })
}

/// What a target that a databacker configuration names is called here: small letters, digits, `_` and `-`.
pub fn target_name(written: &str) -> String {
    config_targets::name_of(written)
}

/// A pattern that recognises nothing would pass in silence.
fn check_patterns(estate: &Estate, file: &ConfigFile) -> Result<(), ConfigError> {
    for (target, habits) in &estate.habits {
        let Some(Err(what)) = habits.filename_pattern.as_deref().map(NamePattern::read) else { continue };
        let key = format!("targets.{target}.filename_pattern");
        let row = estate.notes.settings.iter().find(|row| row.setting == key);
        let at = row.map_or_else(|| file.path.display().to_string(), |row| row.origin.to_string());
        return Err(ConfigError::WrongValue { at: escape(&at), key, what: what.to_owned() });
    }
    Ok(())
}

fn dbacked(file: &ConfigFile, env: &Environment) -> Result<Configuration, ConfigError> {
    let name = escape(&file.path.display().to_string());
    let fields =
        Fields::read(&file.text).map_err(|error| ConfigError::NotJson { file: name.clone(), line: error.line() })?;
    if !TELLING.iter().any(|key| fields.values.contains_key(*key)) {
        return Err(ConfigError::UnknownKind { file: name });
    }
    let mut given = Given { file, env, fields, settings: vec![] };
    let mut secrets = HeldSecrets::default();
    let mut estate = Estate::empty("dbacked", EstateId::of_file(&file.path));
    estate.file = Some(file.path.clone());
    estate.name = given.text("dbAlias").or_else(|| given.text("dbName")).unwrap_or_else(|| DBACKED.to_owned());
    estate.targets.extend(target(&mut given, &mut secrets)?.map(EstateTarget::Ready));
    estate.servers.extend(server(&mut given, &mut secrets)?);
    let public_key = given.text("publicKey");
    let mut remarks = remarks(&mut given);
    if estate.targets.is_empty() {
        remarks
            .push("it names no s3bucket: there is no target to list (DBacked's own storage cannot be read)".to_owned());
    }
    estate.notes.settings = given.settings;
    estate.notes.remarks = remarks;
    Ok(Configuration { estate, secrets, public_key })
}

fn target(given: &mut Given<'_>, secrets: &mut HeldSecrets) -> Result<Option<Target>, ConfigError> {
    let (id, secret) = (given.secret("s3accessKeyId"), given.secret("s3secretAccessKey"));
    let region = given.text("s3region");
    let Some(bucket) = given.text("s3bucket") else { return Ok(None) };
    if !bucket.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')) {
        return Err(given.wrong("s3bucket", "is no bucket's name"));
    }
    let mut s3 = S3Location { bucket, region, ..S3Location::default() };
    match (id, secret) {
        (Some(id), Some(secret)) => {
            secrets.access_keys.insert(DBACKED.to_owned(), HeldAccessKey { id, secret });
            s3.credentials = Some(DBACKED.to_owned());
        }
        (None, None) => {}
        (Some(_), None) => return Err(given.wrong("s3secretAccessKey", "is missing beside s3accessKeyId")),
        (None, Some(_)) => return Err(given.wrong("s3accessKeyId", "is missing beside s3secretAccessKey")),
    }
    let name = TargetName::new(DBACKED).expect("it is made of small letters");
    Ok(Some(Target { name, location: Location::S3(Box::new(s3)), expect_key: None }))
}

fn server(given: &mut Given<'_>, secrets: &mut HeldSecrets) -> Result<Option<ServerRef>, ConfigError> {
    let kind = given.text("dbType");
    let (host, port, user) = (given.text("dbHost"), given.text("dbPort"), given.text("dbUsername"));
    let password = given.secret("dbPassword");
    let Some(host) = host.filter(|_| kind.as_deref().is_none_or(|kind| kind == "mysql")) else { return Ok(None) };
    let port = match port.map(|port| port.trim().parse::<u16>()) {
        None => 3306,
        Some(Ok(port)) if port > 0 => port,
        Some(_) => return Err(given.wrong("dbPort", "is no port number")),
    };
    let source = match password {
        Some(password) => {
            secrets.passwords.insert(DBACKED.to_owned(), password);
            PasswordSource::Held(DBACKED.to_owned())
        }
        None => PasswordSource::OptionFile,
    };
    Ok(Some(ServerRef {
        name: Some(DBACKED.to_owned()),
        address: ServerAddress::Tcp { host, port },
        user,
        defaults_file: None,
        password: source,
        tls: TlsMode::Auto,
        ca_file: None,
        // The server that was backed up is the one that a slip would hurt most.
        protection: Protection::Protected,
        expect_uuid: None,
    }))
}

fn remarks(given: &mut Given<'_>) -> Vec<String> {
    let path = escape(&given.file.path.display().to_string());
    let mut remarks = vec![];
    if given.file.access.read == Others::May {
        remarks
            .push(format!("{path} holds secrets and may be read by others: `chmod 0600` it, and change those secrets"));
    }
    if given.file.access.write == Others::May {
        remarks.push(format!("{path} may be changed by others: `chmod go-w` it and own it"));
    }
    for key in &given.fields.unknown {
        remarks.push(format!("`{}` is no setting of DBacked; ignored", escape(key)));
    }
    for key in given.fields.values.keys().filter(|key| given.fields.odd.contains(*key)) {
        remarks.push(format!("`{key}` is neither a text nor a number; ignored"));
    }
    if let Some(kind) = given.text("dbType").filter(|kind| kind != "mysql") {
        remarks.push(format!("its database is {}: backups can be verified and restored to a folder", escape(&kind)));
    }
    if given.secret("dbConnectionString").is_some() {
        remarks.push("`dbConnectionString` is not used: name the server with --into or in an estate".to_owned());
    }
    remarks
}

/// The file's values and the environment that overrides them.
struct Given<'a> {
    file: &'a ConfigFile,
    env: &'a Environment,
    fields: Fields,
    settings: Vec<Setting>,
}

impl Given<'_> {
    /// A value by DBacked's precedence: `DBACKED_...`, then the file; empty ones count as absent.
    fn secret(&mut self, key: &'static str) -> Option<HeldSecret> {
        let variable = variable_of(key);
        let (value, origin) = match self.env.text(&variable) {
            Some(value) => (Zeroizing::new(value), Origin::Env(variable)),
            None => {
                let (value, line) = self.fields.values.get(key)?;
                (value.clone(), Origin::File { path: self.file.path.clone(), line: *line })
            }
        };
        if value.is_empty() {
            return None;
        }
        let shown = match key {
            "publicKey" => "(a public key)".to_owned(),
            key if SECRET.contains(&key) => "(a secret; not shown)".to_owned(),
            _ => escape(&value),
        };
        if !self.settings.iter().any(|known| known.setting == key) {
            self.settings.push(Setting { setting: key.to_owned(), value: shown, origin });
        }
        Some(HeldSecret(value))
    }

    /// The same for a value that is no secret.
    fn text(&mut self, key: &'static str) -> Option<String> {
        debug_assert!(!SECRET.contains(&key), "secrets stay held");
        self.secret(key).map(|value| value.expose().to_owned())
    }

    fn wrong(&self, key: &'static str, what: &'static str) -> ConfigError {
        let variable = variable_of(key);
        let at = match (self.env.text(&variable), self.fields.values.get(key)) {
            (Some(_), _) => format!("${variable}"),
            (None, Some((_, line))) => format!("{}:{line}", self.file.path.display()),
            (None, None) => self.file.path.display().to_string(),
        };
        ConfigError::WrongValue { at: escape(&at), key: key.to_owned(), what: what.to_owned() }
    }
}

/// `dbHost` is `DBACKED_DB_HOST`, `s3accessKeyId` is `DBACKED_S3_ACCESS_KEY_ID`.
fn variable_of(key: &str) -> String {
    let mut name = String::from("DBACKED_");
    let rest = match key.strip_prefix("s3") {
        Some(rest) => {
            name.push_str("S3_");
            rest
        }
        None => key,
    };
    for c in rest.chars() {
        if c.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(c.to_ascii_uppercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const FILE: &str = r#"{
      "subscriptionType": "free",
      "s3accessKeyId": "AKIAEXAMPLE",
      "s3secretAccessKey": "marker-secret-key",
      "s3region": "eu-west-1",
      "s3bucket": "acme-bak",
      "dbType": "mysql",
      "dbHost": "db-1",
      "dbPort": "3307",
      "dbUsername": "backup",
      "dbPassword": "marker-password",
      "dbAlias": "shop",
      "sendAnalytics": false,
      "colour": "red",
      "publicKey": "-----BEGIN PUBLIC KEY-----"
    }"#;

    fn read(text: &str, mode: u32, env: &[(&str, &str)]) -> Result<Configuration, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("whatever.toml");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        load(&path, &Environment::of(env))
    }

    fn refusal(text: &str) -> ConfigError {
        read(text, 0o600, &[]).map(drop).unwrap_err()
    }

    #[test]
    fn a_dbacked_configuration_is_an_estate_of_one_target_and_one_server() {
        let config = read(FILE, 0o600, &[]).unwrap_or_else(|error| panic!("{error}"));
        let target = config.estate.ready_targets().next().unwrap();
        assert_eq!(target.canonical_url(), "s3://acme-bak/");
        let Location::S3(s3) = &target.location else { panic!("S3") };
        let keys = &config.secrets.access_keys[s3.credentials.as_deref().unwrap()];
        assert_eq!((keys.id.expose(), keys.secret.expose()), ("AKIAEXAMPLE", "marker-secret-key"));
        let server = config.estate.server(DBACKED).unwrap();
        assert_eq!(server.address, ServerAddress::Tcp { host: "db-1".into(), port: 3307 });
        assert_eq!((server.user.as_deref(), server.protection), (Some("backup"), Protection::Protected));
        assert_eq!(config.secrets.passwords[DBACKED].expose(), "marker-password");
        assert_eq!((config.estate.name.as_str(), config.public_key.is_some()), ("shop", true));
        let told = format!("{:?}", config.estate);
        assert!(!told.contains("marker-") && !told.contains("AKIA"), "{told}");
        let region = config.estate.explain().iter().find(|row| row.setting == "s3region").unwrap();
        assert!(matches!(region.origin, Origin::File { line: 5, .. }));
        assert_eq!(config.estate.notes.remarks, ["`colour` is no setting of DBacked; ignored"]);
    }

    #[test]
    fn the_environment_beats_the_file_and_empty_values_beat_nothing() {
        let env = [("DBACKED_S3_BUCKET", "other"), ("DBACKED_DB_PASSWORD", "from-env"), ("DBACKED_DB_HOST", "")];
        let config = read(FILE, 0o600, &env).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(config.estate.ready_targets().next().unwrap().canonical_url(), "s3://other/");
        assert_eq!(config.secrets.passwords[DBACKED].expose(), "from-env");
        assert_eq!(config.estate.servers[0].label(), DBACKED);
        let row = config.estate.explain().iter().find(|row| row.setting == "dbPassword").unwrap();
        assert_eq!(
            (row.value.as_str(), &row.origin),
            ("(a secret; not shown)", &Origin::Env("DBACKED_DB_PASSWORD".into()))
        );
        assert_eq!(variable_of("s3accessKeyId"), "DBACKED_S3_ACCESS_KEY_ID");
        assert_eq!(variable_of("databaseToolsDirectory"), "DBACKED_DATABASE_TOOLS_DIRECTORY");
        assert_eq!(variable_of("apikey"), "DBACKED_APIKEY");
    }

    #[test]
    fn a_file_that_others_read_is_told() {
        let config = read(FILE, 0o644, &[]).unwrap_or_else(|error| panic!("{error}"));
        assert!(config.estate.notes.remarks[0].contains("may be read by others"));
    }

    #[test]
    fn other_files_are_told_apart_and_nothing_of_them_is_repeated() {
        assert!(matches!(refusal("{\"a\": 1}"), ConfigError::UnknownKind { .. }));
        assert!(matches!(refusal("nam = 1"), ConfigError::Estate(EstateError::UnknownKey { .. })));
        let broken = FILE.replace("\"marker-password\"", "marker-password");
        let error = refusal(&broken);
        assert!(matches!(error, ConfigError::NotJson { line: 11, .. }), "{error:?}");
        assert!(!format!("{error:?} {:?}", error.report()).contains("marker"));
        let port = refusal(&FILE.replace("3307", "70000"));
        assert!(port.to_string().ends_with("whatever.toml:9: `dbPort` is no port number"), "{port}");
        let half = refusal(&FILE.replace("\"s3accessKeyId\": \"AKIAEXAMPLE\",", ""));
        assert!(half.to_string().contains("`s3accessKeyId` is missing beside"), "{half}");
    }

    #[test]
    fn a_postgres_configuration_lists_backups_and_has_no_server() {
        let config = read(&FILE.replace("\"mysql\"", "\"pg\""), 0o600, &[]).unwrap_or_else(|error| panic!("{error}"));
        assert!(config.estate.servers.is_empty() && config.estate.targets.len() == 1);
        assert!(config.estate.notes.remarks.iter().any(|remark| remark.contains("its database is pg")));
        assert!(read("name = \"x\"", 0o600, &[]).is_ok_and(|config| config.estate.name == "x"));
    }
}
