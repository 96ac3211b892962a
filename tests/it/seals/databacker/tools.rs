//! What `openssl` and `age` write opens here, in every form that a hook or a person may choose.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use breakglass::model::foreign::Foreign;
use breakglass::model::seal::SealScheme;
use breakglass::seal::databacker::{SealFor, UnlockError, describe, seal};
use breakglass::seal::key::Key;
use breakglass::seal::keyfile;
use breakglass::seal::secret::Secret;
use breakglass::seal::{Damage, KeyError, UnsealError};

use super::{key, key_of, opened, plain, refusal, unlocked, vector};
use crate::seals::run;
use crate::support;

/// A tar of one file, about as long as asked for.
fn tar(len: usize) -> Vec<u8> {
    let mut archive = tar::Builder::new(vec![]);
    let sql: Vec<u8> = (0..len).map(|i| b"INSERT INTO t VALUES (1);\n"[i % 26]).collect();
    let mut header = tar::Header::new_ustar();
    header.set_size(sql.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    archive.append_data(&mut header, "shop_2026-10-05T01:00:00Z.sql", &sql[..]).unwrap();
    archive.into_inner().unwrap()
}

fn piped(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feed = std::thread::spawn(move || pipe.write_all(&input));
    let output = child.wait_with_output().unwrap();
    feed.join().unwrap().unwrap();
    assert!(output.status.success(), "{command:?}");
    output.stdout
}

fn openssl(arguments: &[&str]) -> Command {
    let mut command = Command::new("openssl");
    command.args(arguments);
    command
}

#[test]
fn what_openssl_enc_writes_opens() {
    let hex = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    let iv = "0f0e0d0c0b0a09080706050403020100";
    for len in [0, 1, 511, 100_000] {
        let tar = tar(len);
        let body = piped(&mut openssl(&["enc", "-aes-256-cbc", "-K", hex, "-iv", iv]), &tar);
        let sealed = [&data_encoding::HEXLOWER.decode(iv.as_bytes()).unwrap()[..], &body].concat();
        let key = key_of(format!("{hex}\n").as_bytes());
        assert!(opened(SealScheme::RawKey, &sealed, &key) == tar, "{len}");
        assert!(opened(SealScheme::Aes256Cbc, &sealed, &key) == tar, "{len}");

        let sealed = piped(&mut openssl(&["enc", "-aes-256-cbc", "-pbkdf2", "-pass", "pass:p\u{e4}ss word"]), &tar);
        assert!(opened(SealScheme::Pbkdf2Cbc, &sealed, &key_of("p\u{e4}ss word".as_bytes())) == tar, "{len}");
    }
}

#[test]
fn a_passphrase_file_with_a_newline_opens_either_way_and_says_which() {
    let tar = tar(1000);
    let of =
        |pass: &str| piped(&mut openssl(&["enc", "-aes-256-cbc", "-pbkdf2", "-pass", &format!("pass:{pass}")]), &tar);
    for (sealed, file, took) in [
        (of("secret"), "secret\n", "as a passphrase without its trailing newline"),
        (of("secret"), "secret\r\n", "as a passphrase without its trailing newline"),
        (of("secret\n"), "secret\n", "as a passphrase, byte for byte"), // as the tool itself takes a file
        (of("secret"), "c2VjcmV0\n", "as the base64 of a passphrase"),  // as its flag takes a key
    ] {
        let unlocked = unlocked(SealScheme::Pbkdf2Cbc, &sealed, &[key_of(file.as_bytes())]);
        let unlocked = unlocked.unwrap_or_else(|error| panic!("{file:?}: {error}"));
        assert_eq!((unlocked.took, unlocked.key), (Some(took), None));
        assert!(plain(&unlocked.content, &sealed).0 == tar);
    }
}

#[test]
fn a_raw_key_opens_in_every_spelling() {
    let sealed = vector("objects/db_backup_2026-10-05T11-00-00Z.tar");
    let raw = vector("keys/aes256.key");
    let newline = [&raw[..], b"\n"].concat();
    let upper = data_encoding::HEXUPPER.encode(&raw).into_bytes();
    let base64 = data_encoding::BASE64.encode(&raw).into_bytes();
    for text in [raw, newline, upper, base64] {
        assert_eq!(opened(SealScheme::RawKey, &sealed, &key_of(&text)).len(), 70_144);
    }
}

/// A private key and a certificate for it, in files.
fn pair(folder: &Path, name: &str, arguments: &[&str]) -> (Vec<u8>, Vec<u8>) {
    let (key, certificate) = (folder.join(format!("{name}.key")), folder.join(format!("{name}.crt")));
    run(openssl(&["genpkey", "-out"]).arg(&key).args(arguments));
    run(openssl(&["req", "-x509", "-new", "-days", "1", "-subj"])
        .arg(format!("/O=Acme/CN={name}"))
        .arg("-key")
        .arg(&key)
        .arg("-out")
        .arg(&certificate));
    (fs::read(key).unwrap(), fs::read(certificate).unwrap())
}

#[test]
fn what_openssl_encrypts_for_rsa_certificates_opens() {
    let folder = tempfile::tempdir().unwrap();
    let (private, certificate) = pair(folder.path(), "ops", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]);
    let (stranger, _) = pair(folder.path(), "other", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]);
    let crt = folder.path().join("ops.crt");
    let with_certificate = [certificate, private.clone()].concat();
    let tar = tar(100_000);
    let ways: [&[&str]; 8] = [
        &["smime", "-encrypt", "-binary", "-aes256"],
        &["smime", "-encrypt", "-binary", "-aes128", "-stream"],
        &["cms", "-encrypt", "-binary", "-aes-192-cbc", "-stream", "-indef"],
        &["cms", "-encrypt", "-binary", "-aes-256-cbc", "-keyid"],
        &["cms", "-encrypt", "-binary", "-aes-256-cbc", "-keyopt", "rsa_padding_mode:oaep"],
        &[
            "cms",
            "-encrypt",
            "-binary",
            "-aes-128-cbc",
            "-keyopt",
            "rsa_padding_mode:oaep",
            "-keyopt",
            "rsa_oaep_md:sha256",
        ],
        &[
            "cms",
            "-encrypt",
            "-binary",
            "-aes-128-cbc",
            "-keyopt",
            "rsa_padding_mode:oaep",
            "-keyopt",
            "rsa_mgf1_md:sha256",
        ],
        &[
            "cms",
            "-encrypt",
            "-binary",
            "-aes-256-cbc",
            "-keyopt",
            "rsa_padding_mode:oaep",
            "-keyopt",
            "rsa_oaep_md:sha512",
        ],
    ];
    for way in ways {
        // With -keyopt the recipient has to be named before it.
        let mut command = openssl(&way[..3]);
        command.args(["-outform", "DER"]);
        let (plain_flags, options) =
            way[3..].split_at(way[3..].iter().position(|word| *word == "-keyopt").unwrap_or(way.len() - 3));
        command.args(plain_flags);
        if options.is_empty() {
            command.arg(&crt);
        } else {
            command.arg("-recip").arg(&crt).args(options);
        }
        let sealed = piped(&mut command, &tar);
        for private in [&private, &with_certificate] {
            assert!(opened(SealScheme::Cms, &sealed, &key_of(private)) == tar, "{way:?}");
        }
        let error = refusal(unlocked(SealScheme::Cms, &sealed, &[key_of(&stranger)]));
        assert!(matches!(error, UnlockError::NoneFits { .. }), "{way:?}: {error}");
        let named = describe(SealScheme::Cms, &sealed).unwrap().named;
        let by_id = way.contains(&"-keyid");
        let who = if by_id { "key identifier " } else { "CN=ops, O=Acme, serial " };
        assert!(named[0].to_string().starts_with(who), "{way:?}: {named:?}");
    }
}

#[test]
fn what_openssl_encrypts_for_ec_certificates_opens() {
    let folder = tempfile::tempdir().unwrap();
    let tar = tar(10_000);
    for (curve, kdf, wrap, content) in [
        ("P-256", "sha1", "aes128-wrap", "-aes-128-cbc"),
        ("P-256", "sha256", "aes256-wrap", "-aes-256-cbc"),
        ("P-384", "sha224", "aes192-wrap", "-aes-192-cbc"),
        ("P-384", "sha384", "aes192-wrap", "-aes-256-cbc"),
        ("P-521", "sha512", "aes256-wrap", "-aes-256-cbc"),
    ] {
        let curve_option = format!("ec_paramgen_curve:{curve}");
        let (private, _) = pair(folder.path(), curve, &["-algorithm", "EC", "-pkeyopt", &curve_option]);
        let (stranger, _) = pair(folder.path(), "other", &["-algorithm", "EC", "-pkeyopt", &curve_option]);
        let sec1 = run(openssl(&["ec", "-in"]).arg(folder.path().join(format!("{curve}.key"))));
        let mut command = openssl(&["cms", "-encrypt", "-binary", "-outform", "DER", content, "-recip"]);
        command.arg(folder.path().join(format!("{curve}.crt")));
        command.args(["-keyopt", &format!("ecdh_kdf_md:{kdf}"), &format!("-{wrap}")]);
        let sealed = piped(&mut command, &tar);
        for text in [&private, &sec1] {
            let key = key_of(text);
            assert_eq!(key.facts().algorithm, format!("EC {curve}"));
            assert!(opened(SealScheme::Cms, &sealed, &key) == tar, "{curve} {kdf}");
        }
        assert!(matches!(
            refusal(unlocked(SealScheme::Cms, &sealed, &[key_of(&stranger)])),
            UnlockError::NoneFits { .. }
        ));
        let rsa = [key("smime-key.pem")];
        assert!(matches!(
            refusal(unlocked(SealScheme::Cms, &sealed, &rsa)),
            UnlockError::NoKey { wants: "an EC private key" }
        ));
    }
}

#[test]
fn each_of_several_recipients_opens_a_cms_message() {
    let folder = tempfile::tempdir().unwrap();
    let rsa = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
    let ec = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
    let privates: Vec<Key> = [("a", rsa), ("b", ec), ("c", rsa)]
        .into_iter()
        .map(|(name, arguments)| key_of(&pair(folder.path(), name, &arguments).0))
        .collect();
    let mut command = openssl(&["cms", "-encrypt", "-binary", "-outform", "DER", "-aes256", "-stream"]);
    command.args(["a", "b", "c"].map(|name| folder.path().join(format!("{name}.crt"))));
    let tar = tar(3 << 20);
    let sealed = piped(&mut command, &tar);
    for key in &privates {
        assert!(opened(SealScheme::Cms, &sealed, key) == tar);
    }
    assert_eq!(describe(SealScheme::Cms, &sealed[..64 << 10]).unwrap().named.len(), 4);
}

#[test]
fn a_cms_message_in_pieces_is_cut_and_changed_where_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let rsa = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
    let key = key_of(&pair(folder.path(), "ops", &rsa).0);
    let mut command = openssl(&["cms", "-encrypt", "-binary", "-outform", "DER", "-aes256", "-stream"]);
    let sealed = piped(command.arg(folder.path().join("ops.crt")), &tar(50_000));
    let content = unlocked(SealScheme::Cms, &sealed, &[key]).unwrap_or_else(|error| panic!("{error}")).content;
    for cut in (700..sealed.len()).step_by(97).chain(sealed.len() - 20..sealed.len()) {
        let error = plain(&content, &sealed[..cut]).1.unwrap_err();
        assert!(matches!(error, UnsealError::Truncated { at_byte } if at_byte == cut as u64), "{cut}: {error}");
    }
    let longer = [&sealed[..], b"\0"].concat();
    let error = plain(&content, &longer).1.unwrap_err();
    let behind = sealed.len() as u64;
    assert!(
        matches!(error, UnsealError::Damaged { at_byte, what: Damage::TrailingBytes } if at_byte == behind),
        "{error}"
    );
    // The last block of ciphertext lies before the end marks; its padding cannot survive a change.
    let marks = sealed.iter().rev().take_while(|byte| **byte == 0).count() / 2 * 2;
    let mut changed = sealed.clone();
    let last = sealed.len() - marks - 16;
    changed[last] ^= 0x40;
    match plain(&content, &changed).1.unwrap_err() {
        UnsealError::Damaged { at_byte, what: Damage::Padding } => assert_eq!(at_byte, last as u64),
        other => panic!("{other}"),
    }
}

/// `age` with this input; `None` where it is not installed.
fn age(arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    if let Err(error) = Command::new("age").arg("--version").output() {
        support::skip_or_fail("age", &error.to_string());
        return None;
    }
    Some(piped(Command::new("age").args(arguments), input))
}

const SECOND: &str = "age1t482vvzhlq3leewelazzdyjn2q28euwfvzhwywdquspc8fvyeqzqvs2k80";

#[test]
fn what_age_encrypts_opens_and_every_cut_of_it_is_named() {
    let recipient = String::from_utf8(vector("keys/age-recipient.txt")).unwrap();
    let key = key("age-identity.txt");
    for len in [0, 1, 62_000, 63_488, 64_000, 200_000] {
        let tar = tar(len);
        let Some(sealed) = age(&["-e", "-r", recipient.trim(), "-r", SECOND], &tar) else { return };
        assert!(opened(SealScheme::Age, &sealed, &key) == tar, "{len}");
        let content = unlocked(SealScheme::Age, &sealed, std::slice::from_ref(&key))
            .unwrap_or_else(|error| panic!("{error}"))
            .content;
        let end = sealed.len();
        for cut in (end.saturating_sub(300)..end).chain([end.saturating_sub(65_552)]).filter(|cut| *cut > 700) {
            let (bytes, outcome) = plain(&content, &sealed[..cut]);
            assert!(tar.starts_with(&bytes) && (bytes.len() % 65_536 == 0), "{len} cut to {cut}");
            let error = outcome.unwrap_err();
            assert!(
                matches!(error, UnsealError::Truncated { .. } | UnsealError::Damaged { what: Damage::LastChunk, .. }),
                "{error}"
            );
        }
        let error = plain(&content, &[&sealed[..], b"x"].concat()).1.unwrap_err();
        assert!(matches!(error, UnsealError::Damaged { .. }), "{error}");
    }
}

#[test]
fn armored_age_files_open_and_their_damage_is_found() {
    let recipient = String::from_utf8(vector("keys/age-recipient.txt")).unwrap();
    let tar = tar(150_000);
    let Some(sealed) = age(&["-e", "-a", "-r", recipient.trim()], &tar) else { return };
    let key = key("age-identity.txt");
    assert!(opened(SealScheme::Age, &sealed, &key) == tar);
    let crlf = String::from_utf8(sealed.clone()).unwrap().replace('\n', "\r\n").into_bytes();
    assert!(opened(SealScheme::Age, &crlf, &key) == tar);
    assert_eq!(describe(SealScheme::Age, &sealed[..4096]).unwrap().named.len(), 1);
    let content = unlocked(SealScheme::Age, &sealed, &[key]).unwrap_or_else(|error| panic!("{error}")).content;
    for cut in (1000..sealed.len() - 1).step_by(1009) {
        let error = plain(&content, &sealed[..cut]).1.unwrap_err();
        assert!(matches!(error, UnsealError::Truncated { at_byte } if at_byte == cut as u64), "cut to {cut}: {error}");
    }
    for at in (1000..sealed.len()).step_by(1013) {
        let mut changed = sealed.clone();
        changed[at] = if changed[at] == b'!' { b'?' } else { b'!' };
        let error = plain(&content, &changed).1.unwrap_err();
        match error {
            UnsealError::Damaged { at_byte, .. } => {
                assert!(at_byte <= at as u64 && at as u64 - at_byte < 90_000, "{at}: {at_byte}")
            }
            other => panic!("{other}"),
        }
    }
}

/// Runs age in a terminal of its own, which it insists on for a passphrase.
fn with_passphrase(input: &Path, output: &Path, passphrase: &str) -> bool {
    if Command::new("age").arg("--version").output().is_err() {
        support::skip_or_fail("age", "it is not installed");
        return false;
    }
    let words = format!("age -p -o {} {}", output.display(), input.display());
    let mut command = Command::new("script");
    command.args(["-qec", &words, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else {
        support::skip_or_fail("script", "it is not installed");
        return false;
    };
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(format!("{passphrase}\n{passphrase}\n").as_bytes()).unwrap();
    assert!(child.wait_with_output().unwrap().status.success());
    true
}

#[test]
fn what_age_encrypts_under_a_passphrase_opens_with_it_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("plain"), folder.path().join("sealed"));
    let tar = tar(70_000);
    fs::write(&input, &tar).unwrap();
    if !with_passphrase(&input, &output, "correct horse") {
        return;
    }
    let sealed = fs::read(&output).unwrap();
    let words = describe(SealScheme::Age, &sealed).unwrap().named[0].to_string();
    assert!(words.starts_with("age passphrase (work factor "), "{words}");
    assert!(opened(SealScheme::Age, &sealed, &key_of(b"correct horse\n")) == tar);
    assert!(matches!(refusal(unlocked(SealScheme::Age, &sealed, &[key_of(b"wrong")])), UnlockError::NoneFits { .. }));
    let unfit = [key("age-identity.txt")];
    assert!(matches!(
        refusal(unlocked(SealScheme::Age, &sealed, &unfit)),
        UnlockError::NoKey { wants: "a passphrase" }
    ));

    let dear = String::from_utf8_lossy(&sealed[..200]).into_owned();
    let factor = dear.lines().nth(1).unwrap().rsplit(' ').next().unwrap().to_owned();
    let at = dear.find(&format!(" {factor}\n")).unwrap();
    let mut changed = sealed.clone();
    changed[at + 1..at + 3].copy_from_slice(b"21");
    let error = refusal(unlocked(SealScheme::Age, &changed, &[key_of(b"correct horse")]));
    assert!(matches!(error, UnlockError::Unsupported { .. }), "{error}");
}

#[test]
fn an_identity_file_under_a_passphrase_asks_for_it_and_opens() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("plain"), folder.path().join("sealed"));
    fs::write(&input, vector("keys/age-identity.txt")).unwrap();
    if !with_passphrase(&input, &output, "open sesame") {
        return;
    }
    let text = fs::read(&output).unwrap();
    let open = |passphrase: Option<&str>| {
        let passphrase = passphrase.map(|words| Secret::new(words.as_bytes().to_vec()));
        keyfile::open(&text, passphrase.as_ref(), Foreign::from("ops.age"))
    };
    let facts = keyfile::inspect(&text, Foreign::from("ops.age")).unwrap();
    assert!(facts.encrypted && facts.container.starts_with("encrypted age identity file (passphrase (work factor "));
    assert_eq!(open(None).err(), Some(KeyError::NeedsPassphrase));
    assert_eq!(open(Some("wrong")).err(), Some(KeyError::WrongPassphrase));
    let unlocked = open(Some("open sesame")).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(unlocked.fingerprint(), key("age-identity.txt").fingerprint());
    let sealed = vector("objects/db_backup_2026-10-05T13-00-00Z.tar");
    assert_eq!(opened(SealScheme::Age, &sealed, &unlocked).len(), 70_144);
}

#[test]
fn age_and_openssl_name_the_same_keys_as_we_do() {
    let Key::Age(identity) = key("age-identity.txt") else { panic!("it is an age identity") };
    let recipient = String::from_utf8(vector("keys/age-recipient.txt")).unwrap();
    assert_eq!(identity.recipients(), [recipient.trim()]);
    let ec = run(&mut openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]));
    let der = piped(&mut openssl(&["pkey", "-pubout", "-outform", "DER"]), &ec);
    let sum = piped(&mut openssl(&["dgst", "-sha256", "-r"]), &der);
    assert_eq!(key_of(&ec).fingerprint().unwrap().as_str().as_bytes(), &sum[..64]);
}

#[test]
fn what_is_sealed_here_opens_here_and_in_openssl() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sealed");
    let Key::Rsa(rsa) = key("smime-key.pem") else { panic!("it is an RSA key") };
    let raw: [u8; 32] = vector("keys/aes256.key").try_into().unwrap();
    let hex = data_encoding::HEXLOWER.encode(&raw);
    for len in [0, 100_000] {
        let tar = tar(len);
        let sealed = seal(SealFor::Aes256Cbc(&raw), &tar).unwrap();
        assert!(opened(SealScheme::RawKey, &sealed, &key("aes256.key")) == tar);
        let iv = data_encoding::HEXLOWER.encode(&sealed[..16]);
        assert!(piped(&mut openssl(&["enc", "-d", "-aes-256-cbc", "-K", &hex, "-iv", &iv]), &sealed[16..]) == tar);

        let sealed = seal(SealFor::Pbkdf2Cbc(b"secret"), &tar).unwrap();
        assert!(opened(SealScheme::Pbkdf2Cbc, &sealed, &key_of(b"secret")) == tar);
        assert!(piped(&mut openssl(&["enc", "-d", "-aes-256-cbc", "-pbkdf2", "-pass", "pass:secret"]), &sealed) == tar);

        let sealed = seal(SealFor::ChaCha20Poly1305(&raw), &tar).unwrap();
        assert!(opened(SealScheme::RawKey, &sealed, &key("aes256.key")) == tar);

        let sealed = seal(SealFor::Cms { recipient: rsa.public(), name: "ops" }, &tar).unwrap();
        assert!(opened(SealScheme::Cms, &sealed, &key("smime-key.pem")) == tar);
        assert!(describe(SealScheme::Cms, &sealed).unwrap().named[0].to_string().starts_with("CN=ops, serial "));
        fs::write(&file, &sealed).unwrap();
        let private = super::vectors().join("keys/smime-key.pem");
        let mut command = openssl(&["smime", "-decrypt", "-binary", "-inform", "DER", "-inkey"]);
        assert!(run(command.arg(private).arg("-in").arg(&file)) == tar);
    }
    assert!(seal(SealFor::Age("age1nobody"), b"").is_err());
}

#[test]
fn what_is_sealed_here_opens_in_age() {
    let folder = tempfile::tempdir().unwrap();
    let (identity, recipient) = keyfile::generate_age().unwrap();
    let file = folder.path().join("identity");
    fs::write(&file, identity.as_bytes()).unwrap();
    for len in [0, 61_000, 63_488, 64_000, 200_000] {
        let tar = tar(len);
        let sealed = seal(SealFor::Age(&recipient), &tar).unwrap();
        assert!(opened(SealScheme::Age, &sealed, &key_of(identity.as_bytes())) == tar, "{len}");
        let Some(theirs) = age(&["-d", "-i", file.to_str().unwrap()], &sealed) else { return };
        assert!(theirs == tar, "{len}");
    }
    let empty = seal(SealFor::Age(&recipient), b"").unwrap();
    assert!(opened(SealScheme::Age, &empty, &key_of(identity.as_bytes())).is_empty());
}
