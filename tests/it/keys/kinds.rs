//! The kinds beside RSA: EC keys, age identities, raw keys and passphrases, told apart by what they hold.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use breakglass::model::foreign::Foreign;
use breakglass::model::seal::KeyFacts;
use breakglass::report::Report;
use breakglass::seal::KeyError;
use breakglass::seal::key::Key;
use breakglass::seal::keyfile::{self, inspect};
use breakglass::seal::keyring::KeyRing;
use breakglass::work::keys;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{PASSPHRASE, openssl, secret};
use crate::support;

fn vector(name: &str) -> Vec<u8> {
    fs::read(support::root().join("tests/it/vectors/databacker/keys").join(name)).unwrap()
}

fn open(text: &[u8], passphrase: Option<&str>) -> Result<Key, KeyError> {
    keyfile::open(text, passphrase.map(secret).as_ref(), Foreign::from("test"))
}

fn opened(text: &[u8]) -> Key {
    open(text, None).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_text_is_what_it_holds_and_not_what_it_is_called() {
    let of = |name: &str| {
        let key = opened(&vector(name));
        (key.facts().algorithm.clone(), key.facts().container.clone())
    };
    let words = |algorithm: &str, container: &str| (algorithm.to_owned(), container.to_owned());
    assert_eq!(of("aes256.key"), words("raw key", "32 raw bytes"));
    assert_eq!(of("aes256.key.b64"), words("raw key", "base64 of 32 bytes"));
    assert_eq!(of("aes256.key.hex"), words("raw key", "hex of 32 bytes"));
    assert_eq!(of("smime-key.pem"), words("RSA", "PKCS#8"));
    assert_eq!(of("smime-key-pkcs1.pem"), words("RSA", "PKCS#1"));
    let recipient = String::from_utf8(vector("age-recipient.txt")).unwrap();
    assert_eq!(of("age-identity.txt"), words("age X25519", &format!("age identity file for {}", recipient.trim())));
    assert_eq!(open(&vector("age-recipient.txt"), None).err(), Some(KeyError::PublicKey));
    assert_eq!(open(&vector("smime-cert.pem"), None).err(), Some(KeyError::Certificate));
    assert_eq!(open(&vector("pbkdf2.pass"), None).err(), Some(KeyError::NotAKey)); // asked for as such, or not at all
    let beside = [vector("smime-cert.pem"), vector("smime-key.pem")].concat();
    assert_eq!(opened(&beside).fingerprint(), opened(&vector("smime-key.pem")).fingerprint());
    assert!(open(&vector("smime-key-encrypted.pem"), Some("smime key pass")).is_ok());
}

#[test]
fn ec_keys_load_in_every_container_and_under_a_passphrase() {
    for curve in ["P-256", "P-384", "P-521"] {
        let option = format!("ec_paramgen_curve:{curve}");
        let pkcs8 = openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", &option], b"").unwrap();
        let whole = opened(&pkcs8);
        assert_eq!(whole.facts().algorithm, format!("EC {curve}"));
        let pass = format!("pass:{PASSPHRASE}");
        let forms = [
            openssl(&["ec"], &pkcs8),
            openssl(&["ec", "-outform", "DER"], &pkcs8),
            openssl(&["pkcs8", "-topk8", "-nocrypt", "-outform", "DER"], &pkcs8),
            openssl(&["ec", "-aes256", "-passout", &pass], &pkcs8),
            openssl(&["pkcs8", "-topk8", "-v2", "aes-256-cbc", "-passout", &pass], &pkcs8),
            openssl(&["ec", "-no_public"], &pkcs8),
        ];
        for (at, form) in forms.into_iter().enumerate() {
            let form = form.unwrap();
            let key = open(&form, Some(PASSPHRASE)).unwrap_or_else(|error| panic!("{curve}, form {at}: {error}"));
            assert_eq!(key.fingerprint(), whole.fingerprint(), "{curve}, form {at}");
            assert_eq!(open(&form, None).err(), matches!(at, 3 | 4).then_some(KeyError::NeedsPassphrase));
            assert!(inspect(&form, Foreign::default()).unwrap().algorithm.starts_with(if at == 4 {
                "unknown"
            } else {
                "EC"
            }));
        }
    }
    let odd = openssl(&["ecparam", "-name", "secp256k1", "-genkey", "-noout"], b"").unwrap();
    assert!(matches!(open(&odd, None).err(), Some(KeyError::NotRsa { .. })));
}

#[test]
fn a_damaged_identity_is_named_by_its_line_and_never_quoted() {
    let text = String::from_utf8(vector("age-identity.txt")).unwrap();
    let at = text.find("AGE-SECRET-KEY-1").unwrap() + 30;
    let mut changed = text.clone().into_bytes();
    changed[at] = if changed[at] == b'Q' { b'P' } else { b'Q' };
    let error = open(&changed, None).err().unwrap();
    assert_eq!(error, KeyError::Damaged { line: 3 });
    assert_eq!(open(&text.as_bytes()[..text.len() - 20], None).err(), Some(KeyError::Damaged { line: 3 }));
    let several = format!("{text}\n# the old one\r\n{}", String::from_utf8(vector("wrong-age-identity.txt")).unwrap());
    let Key::Age(both) = opened(several.as_bytes()) else { panic!("identities") };
    assert_eq!(both.recipients().len(), 2);
    let plugin = format!("{text}AGE-PLUGIN-YUBIKEY-1QQQQQQ\n");
    assert_eq!(open(plugin.as_bytes(), None).err(), Some(KeyError::NotRsa { kind: "age plugin" }));
}

#[test]
fn nothing_that_could_be_guessed_has_a_fingerprint() {
    let raw = |text: &[u8]| keyfile::raw(text, Foreign::from("x")).unwrap_or_else(|error| panic!("{error}"));
    for guessable in [&b"secret"[..], b"secret\n", b"a passphrase of thirty-two chars", b"c2VjcmV0"] {
        let (one, other) = (raw(guessable), raw(guessable));
        assert!(one.facts().is_passphrase() && one.fingerprint().is_none());
        assert_ne!(one.handle(), other.handle(), "the handle would tell");
    }
    let key = raw(&vector("aes256.key"));
    assert_eq!(key.fingerprint(), opened(&vector("aes256.key.hex")).fingerprint());
    assert_eq!(key.fingerprint(), opened(&vector("aes256.key.b64")).fingerprint());
    assert_ne!(key.fingerprint(), opened(&vector("wrong.key")).fingerprint());
    let plain = openssl(&["dgst", "-sha256", "-r"], &vector("aes256.key")).unwrap();
    assert_ne!(key.fingerprint().unwrap().as_str().as_bytes(), &plain[..64]);
}

#[test]
fn the_ring_holds_keys_of_every_kind_once() {
    let mut ring = KeyRing::new();
    let names = ["smime-key.pem", "age-identity.txt", "aes256.key", "wrong.key"];
    for name in names.iter().chain(&names) {
        ring.add(opened(&vector(name)));
    }
    let passphrase = || keyfile::raw(b"secret", Foreign::from("typed")).unwrap_or_else(|error| panic!("{error}"));
    ring.add(passphrase());
    ring.add(passphrase());
    assert_eq!((ring.len(), ring.facts().len()), (5, 5));
    for key in ring.iter().map(Key::handle).collect::<Vec<_>>() {
        assert!(ring.find(&key).is_some() && ring.forget(&key) && ring.find(&key).is_none());
    }
    assert!(ring.is_empty());
}

fn written(folder: &tempfile::TempDir, name: &str, text: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

#[test]
fn a_file_that_is_no_key_is_a_passphrase_and_a_broken_key_is_none() {
    let folder = support::scratch();
    let inspect = |text: &[u8]| -> Result<KeyFacts, Report> { keys::inspect_file(&written(&folder, "f", text)) };
    for passphrase in [&b"correct horse battery staple\n"[..], b"x", b"\xff\xfe\x00binary", &[0x5a; 64]] {
        let facts = inspect(passphrase).unwrap();
        assert!(facts.is_passphrase() && facts.remarks[0].contains("taken as a passphrase"), "{facts:?}");
        assert!(facts.fingerprint.is_none());
    }
    let pem = String::from_utf8(vector("smime-key.pem")).unwrap();
    let broken = [
        (pem.replace("-----END", "---END").into_bytes(), "seal::key_damaged"),
        (pem.replace("-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVTE KEY-----").into_bytes(), "seal::key_damaged"),
        (b"-----BEGIN".to_vec(), "seal::not_a_key"),
        ([&[0x30, 0x82, 0x04, 0xbf], &[0xa5; 200][..]].concat(), "seal::not_a_key"),
        (vector("smime-cert.pem"), "seal::certificate"),
        (vector("age-recipient.txt"), "seal::public_key"),
        (b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI ops".to_vec(), "seal::public_key"),
        (vec![b'x'; 5000], "seal::not_a_key"),
        (vec![], "seal::key_empty"),
        (b" \n\n".to_vec(), "seal::key_empty"),
    ];
    for (text, code) in broken {
        let report = inspect(&text).err().unwrap();
        assert_eq!(report.code, code, "{}", report.headline);
    }
}

#[test]
fn fuzz_key_files_of_every_kind() {
    let names = ["age-identity.txt", "aes256.key.b64", "aes256.key.hex", "pbkdf2.pass", "smime-cert.pem"];
    let mut valid: Vec<Vec<u8>> = names.into_iter().map(vector).collect();
    let ec = openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], b"").unwrap();
    valid.push(openssl(&["ec", "-outform", "DER"], &ec).unwrap());
    valid.push([vector("smime-cert.pem"), ec].concat());
    let mut random = StdRng::seed_from_u64(14);
    for round in 0..support::mutations() / 2 {
        let mut bytes = valid[round % valid.len()].clone();
        for _ in 0..random.gen_range(1..5) {
            let at = random.gen_range(0..bytes.len());
            match random.gen_range(0..4) {
                0 => bytes[at] ^= 1 << random.gen_range(0..8),
                1 => bytes[at] = b"-\n1A=a\x00\x30\x02\xff"[random.gen_range(0..10)],
                2 if bytes.len() > 1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, random.r#gen()),
            }
        }
        let _ = inspect(&bytes, Foreign::default());
        let _ = keyfile::open(&bytes, None, Foreign::default());
        let _ = keyfile::raw(&bytes, Foreign::default());
        let _ = keyfile::may_be_passphrase(&bytes);
    }
}
