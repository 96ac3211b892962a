//! Keys as files hold them: every form that is accepted, and the reason why each other one is not.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use breakglass::model::foreign::Foreign;
use breakglass::model::seal::KeyFacts;
use breakglass::report::{Fault, Reportable};
use breakglass::seal::KeyError;
use breakglass::seal::databacker::Content;
use breakglass::seal::key::Key;
use breakglass::seal::keyfile::{generate, inspect, load};
use breakglass::seal::keyring::{ContentKey, KeyRing, PrivateKey};
use breakglass::seal::public::{PublicKey, fingerprint_of_pem};
use breakglass::seal::secret::{LockedBytes, Locking, Secret, SecretBuffer};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::support;

mod kinds;

const PASSPHRASE: &str = "correct horse battery staple";

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/vectors/dbacked/keys")
}

fn text(name: &str) -> Vec<u8> {
    fs::read(vectors().join(name)).unwrap()
}

fn secret(passphrase: &str) -> Secret {
    Secret::new(passphrase.as_bytes().to_vec())
}

fn open(text: &[u8], passphrase: Option<&str>) -> Result<PrivateKey, KeyError> {
    load(text, passphrase.map(secret).as_ref(), Foreign::from("test"))
}

/// `PrivateKey` has no `Debug`, so `unwrap_err` is not at hand.
fn refusal(text: &[u8], passphrase: Option<&str>) -> KeyError {
    match open(text, passphrase) {
        Ok(_) => panic!("it loaded"),
        Err(error) => error,
    }
}

fn facts(name: &str) -> KeyFacts {
    inspect(&text(name), Foreign::from(name)).unwrap()
}

fn names() -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(vectors()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Runs openssl with `input` on its standard input; what it printed, if it succeeded.
fn openssl(arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("these tests need the openssl command");
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    output.status.success().then_some(output.stdout)
}

#[test]
fn every_shape_of_the_two_fixture_keys_is_the_same_key() {
    let large = PublicKey::from_pem(&text("dbacked_public_key.pem")).unwrap().fingerprint();
    let small = PublicKey::from_pem(&text("rsa2048-public.pem")).unwrap().fingerprint();
    let mut loaded = 0;
    for name in names() {
        let expected = match name.as_str() {
            n if n.contains("public") => continue,
            n if n.starts_with("dbacked_private_key") || n.starts_with("rsa4096-") => &large,
            n if n.starts_with("rsa2048-") => &small,
            _ => continue,
        };
        let passphrase = if name.contains("latin1") { "Pässwörd" } else { PASSPHRASE };
        let key = open(&text(&name), Some(passphrase)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(&key.fingerprint(), expected, "{name}");
        assert_eq!(key.modulus_bytes(), if expected == &large { 512 } else { 256 }, "{name}");
        loaded += 1;
    }
    assert_eq!(loaded, 18);
}

#[test]
fn an_encrypted_key_says_whether_the_passphrase_is_missing_or_wrong() {
    let mut seen = 0;
    for name in names().iter().filter(|name| name.ends_with(".pem")) {
        if !inspect(&text(name), Foreign::default()).is_ok_and(|facts| facts.encrypted) {
            continue;
        }
        assert_eq!(refusal(&text(name), None), KeyError::NeedsPassphrase, "{name}");
        assert_eq!(refusal(&text(name), Some("Tr0ub4dor&3")), KeyError::WrongPassphrase, "{name}");
        assert_eq!(refusal(&text(name), Some("")), KeyError::WrongPassphrase, "{name}");
        assert_eq!(KeyError::WrongPassphrase.fault(), Fault::NoKey);
        seen += 1;
    }
    assert_eq!(seen, 11);
}

#[test]
fn a_latin1_passphrase_opens_it_however_it_was_typed() {
    let key = text("dbacked_private_key_latin1-passphrase.pem");
    let latin1 = Secret::new(b"P\xe4ssw\xf6rd".to_vec());
    assert!(load(&key, Some(&latin1), Foreign::default()).is_ok());
    assert_eq!(refusal(&key, Some("Pässwörd\u{1f511}")), KeyError::WrongPassphrase);
}

#[test]
fn a_passphrase_given_in_latin1_opens_a_key_made_with_utf8() {
    let plain = text("rsa2048-pkcs8-plain.pem");
    let sealed = openssl(&["pkcs8", "-topk8", "-v2", "aes-256-cbc", "-passout", "pass:Pässwörd"], &plain).unwrap();
    assert!(open(&sealed, Some("Pässwörd")).is_ok());
    assert!(load(&sealed, Some(&Secret::new(b"P\xe4ssw\xf6rd".to_vec())), Foreign::default()).is_ok());
}

#[test]
fn what_cannot_be_used_says_why() {
    let verdicts = [
        ("damaged-empty.pem", KeyError::Empty),
        ("damaged-truncated.pem", KeyError::Damaged { line: 12 }),
        ("damaged-body.pem", KeyError::InconsistentNumbers),
        ("wrong-ec.pem", KeyError::NotRsa { kind: "EC" }),
        ("rsa2048-public.pem", KeyError::PublicKey),
        ("dbacked_public_key.pem", KeyError::PublicKey),
    ];
    for (name, expected) in verdicts {
        assert_eq!(refusal(&text(name), None), expected, "{name}");
    }
    assert_eq!(refusal(b"\n \r\n", None), KeyError::Empty);
    assert_eq!(refusal(b"hello", None), KeyError::NotAKey);
    assert_eq!(refusal(&[b'a'; 70_000], None), KeyError::TooLong);
    assert_eq!(refusal(b"ssh-rsa AAAAB3NzaC1yc2E operator@host", None), KeyError::PublicKey);
    assert!(matches!(PublicKey::from_pem(&text("rsa2048-pkcs1-plain.pem")), Err(KeyError::PrivateKey)));
}

#[test]
fn a_certificate_is_named_as_one_but_a_key_beside_it_is_found() {
    let key = vectors().join("rsa2048-pkcs8-plain.pem");
    let arguments = ["req", "-x509", "-new", "-subj", "/CN=x", "-days", "1", "-key", key.to_str().unwrap()];
    let certificate = openssl(&arguments, b"").unwrap();
    assert_eq!(refusal(&certificate, None), KeyError::Certificate);
    assert!(matches!(inspect(&certificate, Foreign::default()), Err(KeyError::Certificate)));
    let both = [certificate, text("rsa2048-pkcs8-plain.pem")].concat();
    assert!(open(&both, None).is_ok());
}

#[test]
fn keys_of_other_kinds_are_named() {
    let ed25519 = openssl(&["genpkey", "-algorithm", "ed25519"], b"").unwrap();
    assert_eq!(refusal(&ed25519, None), KeyError::NotRsa { kind: "Ed25519" });
    let ec = openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], b"").unwrap();
    assert_eq!(refusal(&ec, None), KeyError::NotRsa { kind: "EC" });
    assert_eq!(inspect(&ec, Foreign::default()).unwrap().algorithm, "EC P-256");
}

#[test]
fn a_key_from_an_environment_variable_may_have_its_line_ends_written_out() {
    for name in ["rsa2048-pkcs8-plain.pem", "rsa2048-pkcs1-crlf.pem", "rsa2048-proctype-aes256.pem"] {
        let plain = String::from_utf8(text(name)).unwrap();
        let escaped = format!("\"{}\"", plain.replace('\r', "\\r").replace('\n', "\\n"));
        assert!(open(escaped.as_bytes(), Some(PASSPHRASE)).is_ok(), "{name}");
        let marked = format!("\u{feff}# restored from the safe\n\n{plain}\nthank you\n");
        assert!(open(marked.as_bytes(), Some(PASSPHRASE)).is_ok(), "{name}");
    }
}

#[test]
fn damage_is_named_by_line_and_never_quoted() {
    let plain = String::from_utf8(text("rsa2048-pkcs8-plain.pem")).unwrap();
    let mut lines: Vec<String> = plain.lines().map(str::to_owned).collect();
    lines[7].replace_range(10..11, "!");
    let error = refusal(lines.join("\n").as_bytes(), None);
    assert_eq!(error, KeyError::Damaged { line: 8 });
    let shown = format!("{error} {error:?}");
    assert!(!lines.iter().any(|line| shown.contains(&line[..8])));

    let missing_end = plain.lines().take(20).collect::<Vec<_>>().join("\n");
    assert_eq!(refusal(missing_end.as_bytes(), None), KeyError::Damaged { line: 20 });
    let missing_line = plain.lines().enumerate().filter(|(at, _)| *at != 5).map(|(_, line)| line);
    assert_eq!(refusal(missing_line.collect::<Vec<_>>().join("\n").as_bytes(), None), KeyError::Malformed);
}

#[test]
fn a_changed_byte_anywhere_in_a_key_is_found() {
    let der = text("rsa2048-pkcs8-plain.der");
    for at in 0..der.len() {
        let mut changed = der.clone();
        changed[at] ^= 1;
        // The algorithm's NULL and the outer version are the only bytes that mean nothing.
        let harmless = matches!(at, 6 | 20 | 21);
        assert!(open(&changed, None).is_err() || harmless, "byte {at}");
    }
}

#[test]
fn inspecting_shows_public_facts_only() {
    let shown = facts("dbacked_private_key.pem");
    assert_eq!(shown.container, "encrypted PKCS#8 (PBES2, PBKDF2-HMAC-SHA1, 2048 rounds, AES-128-CBC)");
    assert!(shown.encrypted && shown.private && shown.fingerprint.is_none());
    let shown = facts("rsa2048-pkcs8-scrypt-aes256.pem");
    assert_eq!(shown.container, "encrypted PKCS#8 (PBES2, scrypt N=16384 r=8 p=1, AES-256-CBC)");
    let shown = facts("rsa2048-proctype-des3.pem");
    assert_eq!(shown.container, "encrypted PKCS#1 (Proc-Type 4, MD5, DES-EDE3-CBC)");
    let shown = facts("rsa2048-public.pem");
    assert!(!shown.private && shown.bits == Some(2048));
    assert_eq!(shown.fingerprint, facts("rsa2048-pkcs8-plain.der").fingerprint);
    assert_eq!(facts("damaged-body.pem").remarks.len(), 1);
}

#[test]
fn fingerprints_are_what_openssl_computes() {
    let der = openssl(&["pkey", "-pubout", "-outform", "DER"], &text("rsa4096-pkcs8-plain.pem")).unwrap();
    let sum = openssl(&["dgst", "-sha256", "-r"], &der).unwrap();
    let pem = String::from_utf8(text("dbacked_public_key.pem")).unwrap();
    let fingerprint = fingerprint_of_pem(&pem).unwrap();
    assert_eq!(fingerprint.as_str().as_bytes(), &sum[..64]);
    assert_eq!(fingerprint_of_pem(&pem.replace("\r\n", "\n")).unwrap(), fingerprint);
}

#[test]
fn what_openssl_encrypts_in_any_supported_way_is_opened() {
    let plain = text("rsa2048-pkcs8-plain.pem");
    let pass = format!("pass:{PASSPHRASE}");
    let ways: [&[&str]; 8] = [
        &["-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA1"],
        &["-v2", "aes-192-cbc", "-v2prf", "hmacWithSHA256"],
        &["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA512"],
        &["-v2", "aes-256-cbc", "-iter", "1"],
        &["-v2", "des3", "-v2prf", "hmacWithSHA1"],
        &["-v2", "des3", "-v2prf", "hmacWithSHA256"],
        &["-v2", "aes-192-cbc", "-scrypt"],
        &["-v2", "aes-128-cbc", "-scrypt", "-scrypt_N", "1024", "-scrypt_r", "4", "-scrypt_p", "2"],
    ];
    for way in ways {
        for form in ["PEM", "DER"] {
            let base = ["pkcs8", "-topk8", "-passout", &pass, "-outform", form];
            let sealed = openssl(&[&base[..], way].concat(), &plain).unwrap();
            assert!(open(&sealed, Some(PASSPHRASE)).is_ok(), "{way:?} {form}");
            assert_eq!(refusal(&sealed, Some("wrong")), KeyError::WrongPassphrase, "{way:?} {form}");
        }
    }
    for cipher in ["-aes128", "-aes192", "-aes256", "-des3"] {
        let arguments = ["rsa", cipher, "-traditional", "-passout", &pass];
        let sealed = openssl(&arguments, &plain).unwrap();
        assert!(open(&sealed, Some(PASSPHRASE)).is_ok(), "{cipher}");
    }
}

#[test]
fn what_a_key_costs_to_open_is_read_before_anything_is_derived() {
    let plain = text("rsa2048-pkcs8-plain.pem");
    let arguments = ["pkcs8", "-topk8", "-outform", "DER", "-passout", "pass:x"];
    let sealed = openssl(&[&arguments[..], &["-iter", "70000"]].concat(), &plain).unwrap();
    let rounds = sealed.windows(5).position(|window| window == [2, 3, 1, 0x11, 0x70]).unwrap();
    let mut dear = sealed;
    dear[rounds + 2] = 0x7f; // 8 million: dear, but bounded; it would take seconds
    assert!(inspect(&dear, Foreign::default()).unwrap().container.contains("8327536 rounds"));
    dear[rounds..rounds + 5].copy_from_slice(&[4, 3, 1, 0x11, 0x70]); // no number at all
    assert_eq!(refusal(&dear, Some("x")), KeyError::Malformed);
}

#[test]
fn a_pair_made_here_is_opened_by_openssl_and_by_us() {
    let (private, public, fingerprint) = generate(2048, &secret("Pässwörd 1")).unwrap();
    assert!(private.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
    let key = open(private.as_bytes(), Some("Pässwörd 1")).unwrap();
    assert_eq!(key.fingerprint(), fingerprint);
    assert_eq!(fingerprint_of_pem(&public).unwrap(), fingerprint);
    assert!(key.facts().container.contains("PBKDF2-HMAC-SHA256, 600000 rounds, AES-256-CBC"));

    let theirs = openssl(&["pkey", "-passin", "pass:Pässwörd 1", "-pubout"], private.as_bytes()).unwrap();
    assert_eq!(String::from_utf8(theirs).unwrap(), public);
    assert!(openssl(&["rsa", "-check", "-noout", "-passin", "pass:Pässwörd 1"], private.as_bytes()).is_some());
    assert!(matches!(generate(2048, &secret("")), Err(KeyError::NeedsPassphrase)));
    assert!(matches!(generate(1024, &secret("x")), Err(KeyError::TooSmall { bits: 1024 })));
}

#[test]
fn sizes_that_no_backup_uses_are_refused() {
    let tiny = openssl(&["genrsa", "-traditional", "512"], b"").unwrap();
    assert_eq!(refusal(&tiny, None), KeyError::TooSmall { bits: 512 });
    let small = openssl(&["genrsa", "-traditional", "1024"], b"").unwrap();
    assert_eq!(open(&small, None).map(|key| key.facts().remarks.len()), Ok(1));
    let odd = openssl(&["genrsa", "3072"], b"").unwrap();
    assert_eq!(open(&odd, None).map(|key| key.modulus_bytes()), Ok(384));
}

#[test]
fn the_ring_holds_each_key_once_and_forgets_all() {
    let mut ring = KeyRing::new();
    ring.add(open(&text("rsa2048-pkcs1-plain.pem"), None).unwrap_or_else(|error| panic!("{error}")));
    ring.add(open(&text("rsa2048-pkcs8-plain.der"), None).unwrap_or_else(|error| panic!("{error}")));
    ring.add(open(&text("wrong-rsa2048.pem"), None).unwrap_or_else(|error| panic!("{error}")));
    assert_eq!(ring.facts().len(), 2);
    let wanted = PublicKey::from_pem(&text("rsa2048-public.pem")).unwrap().fingerprint();
    assert_eq!(ring.find(&wanted).map(Key::handle), Some(wanted.clone()));
    assert!(ring.forget(&wanted) && ring.find(&wanted).is_none());
    ring.forget_all();
    assert!(ring.is_empty());
}

#[test]
fn secrets_cannot_be_printed() {
    struct Probe<T>(std::marker::PhantomData<T>);
    trait Fallback {
        const PRINTS: bool = false;
    }
    impl<T> Fallback for T {}
    // An inherent constant wins over the trait's, so this one is seen wherever `T: Debug` holds.
    impl<T: std::fmt::Debug> Probe<T> {
        const PRINTS: bool = true;
    }
    const { assert!(Probe::<KeyFacts>::PRINTS) };
    let secrets = [
        Probe::<Secret>::PRINTS,
        Probe::<SecretBuffer>::PRINTS,
        Probe::<LockedBytes>::PRINTS,
        Probe::<PrivateKey>::PRINTS,
        Probe::<ContentKey>::PRINTS,
        Probe::<Key>::PRINTS,
        Probe::<Content>::PRINTS,
        Probe::<KeyRing>::PRINTS,
    ];
    assert_eq!(secrets, [false; 8]);
}

#[cfg(target_os = "linux")]
#[test]
fn pages_of_secrets_are_locked_and_left_out_of_core_dumps() {
    let secret = secret(PASSPHRASE);
    let address = secret.expose().as_ptr() as usize;
    let maps = fs::read_to_string("/proc/self/smaps").unwrap();
    let mut within = false;
    let flags = maps.lines().find(|line| {
        if let Some((from, to)) = line.split_once(' ').and_then(|(range, _)| range.split_once('-')) {
            let bound = |hex| usize::from_str_radix(hex, 16);
            within = matches!((bound(from), bound(to)), (Ok(from), Ok(to)) if (from..to).contains(&address));
        }
        within && line.starts_with("VmFlags:")
    });
    let flags: Vec<&str> = flags.unwrap().split_whitespace().collect();
    assert!(flags.contains(&"dd"));
    assert_eq!(flags.contains(&"lo"), secret.locking() == Locking::Locked);
}

#[test]
fn fuzz_key_texts() {
    let names = [
        "rsa2048-pkcs1-crlf.pem",
        "rsa2048-pkcs8-plain.der",
        "rsa2048-pkcs8-leading-text.pem",
        "rsa2048-public.pem",
        "rsa2048-proctype-aes128.pem",
        "rsa2048-pkcs8-pbkdf2-sha1-des3.pem",
        "rsa2048-pkcs8-scrypt-aes256.pem",
    ];
    let valid: Vec<Vec<u8>> = names.into_iter().map(text).collect();
    let mut random = StdRng::seed_from_u64(4);
    for round in 0..support::mutations() {
        let mut bytes = valid[round % valid.len()].clone();
        // Most mutations hit the start, where the structure is.
        let reach = if random.gen_range(0..4) == 0 { bytes.len() } else { bytes.len().min(200) };
        for _ in 0..random.gen_range(1..5) {
            let at = random.gen_range(0..reach.min(bytes.len()));
            match random.gen_range(0..4) {
                0 => bytes[at] ^= 1 << random.gen_range(0..8),
                1 => bytes[at] = b"-\n\\=:A\x00\x30\x02\xff"[random.gen_range(0..10)],
                2 => drop(bytes.remove(at)),
                _ => bytes.insert(at, random.r#gen()),
            }
        }
        // A passphrase only for the oldest form: the costs of the others are bounded, but not small.
        let passphrase = bytes.windows(9).any(|word| word == b"Proc-Type").then(|| secret(PASSPHRASE));
        let _ = inspect(&bytes, Foreign::default());
        let _ = PublicKey::from_pem(&bytes);
        let _ = load(&bytes, passphrase.as_ref(), Foreign::default());
    }
}
