//! Names under which a secret stands.

use std::sync::LazyLock;

use regex::Regex;

/// What a name holds anywhere, its parts put together.
const ANYWHERE: [&str; 25] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "passkey",
    "secret",
    "credential",
    "authorization",
    "cookie",
    "signature",
    "apikey",
    "accesskey",
    "accountkey",
    "privatekey",
    "encryptionkey",
    "encryptkey",
    "decryptionkey",
    "decryptkey",
    "signingkey",
    "sharedkey",
    "masterkey",
    "storagekey",
    "sshkey",
    "sessionid",
    "sessid",
];

/// Words that end in `pass` and mean something else.
const OTHERWISE: [&str; 6] = ["bypass", "compass", "encompass", "surpass", "trespass", "overpass"];

/// What a token's name ends with when it counts tokens or limits them.
const OF_COUNTS: [&str; 9] = ["count", "counts", "limit", "limits", "ttl", "expires", "expiry", "type", "usage"];

/// One of these is in every name that is looked at more closely: most are not.
static HINTS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let secrets = "pass|pwd|pw|secret|token|cred|sig|key|auth|cookie|sas|jwt|pin|sess";
    Regex::new(&format!("(?i-u:{secrets}|statement|query|parameter|process|connection)")).ok()
});

fn is_worth_a_look(key: &str) -> bool {
    HINTS.as_ref().is_none_or(|hints| hints.is_match(key))
}

/// Whether a value under this name is a secret whatever it says.
pub fn is_secret_key(key: &str) -> bool {
    if !is_worth_a_look(key) {
        return false;
    }
    let words = words(key);
    let joined = words.concat();
    if ANYWHERE.iter().any(|word| joined.contains(word)) {
        return true;
    }
    let Some(last) = words
        .iter()
        .rev()
        .map(|word| word.trim_end_matches(|c: char| c.is_ascii_digit()))
        .find(|word| !word.is_empty())
    else {
        return false;
    };
    let token = words.iter().any(|word| word.ends_with("token")) && !OF_COUNTS.contains(&last);
    token
        || matches!(last, "pw" | "sig" | "sas" | "jwt" | "pin" | "cred" | "creds")
        || last.ends_with("pwd")
        || (last.ends_with("pass") && !OTHERWISE.contains(&last))
}

/// Whether what an attribute of this name says is not kept: secrets, and texts of other programs that hold row values
/// or arguments which nobody has cleaned.
pub fn is_hidden_key(key: &str) -> bool {
    if !is_worth_a_look(key) {
        return false;
    }
    let plain = words(key).join("_");
    let texts = ["db_statement", "db_query_text", "db_query_parameter", "db_operation_parameter"];
    let arguments = ["process_command_args", "process_command_line"];
    texts.iter().any(|start| plain.starts_with(start))
        || arguments.contains(&plain.as_str())
        || plain.ends_with("connection_string")
        || is_secret_key(key)
}

/// Whether this argument says that the next one is a secret.
pub fn is_secret_flag(argument: &str) -> bool {
    let single = |text: &str| !text.contains(|c: char| c == '=' || c.is_whitespace());
    argument.strip_prefix('-').is_some_and(|name| single(name) && is_secret_key(name))
}

/// The words of a name in lower case, however they are put together: `DB_PASS`, `dbPass`, `db.pass`, `--db-pass`.
fn words(key: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut low = false;
    for c in key.chars() {
        let begins = c.is_uppercase() && low;
        low = c.is_lowercase() || c.is_ascii_digit();
        if begins || !c.is_alphanumeric() {
            words.push(String::new());
        }
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_known_and_others_are_not() {
        for key in [
            "db.password",
            "AWS_SECRET_ACCESS_KEY",
            "http.request.header.authorization",
            "x.token",
            "api-key",
            "--pass",
            "smb-pass",
            "dbPass",
            "DB_PASS2",
            "rootpass",
            "MYSQL_PWD",
            "encryption-key",
            "db.dump.encryption_key",
            "privateKey",
            "X-Amz-Signature",
            "sig",
            "authToken",
            "AccountKey",
            "pw",
        ] {
            assert!(is_secret_key(key), "{key}");
        }
        for key in [
            "backup.target.url",
            "db.system",
            "token_count",
            "server.address",
            "passes",
            "bypass",
            "key",
            "object_key",
            "design",
            "backup.protected_target.identity",
            "host",
            "",
            "--",
            "compass",
            "path",
        ] {
            assert!(!is_secret_key(key), "{key}");
        }
        for key in
            ["db.statement", "db.query.text", "db.query.parameter.0", "db.connection_string", "process.command_args"]
        {
            assert!(is_hidden_key(key) && !is_secret_key(key), "{key}");
        }
    }
}
