//! Proving databacker backups of a 400 MB tar, seal by seal, against the parts that the reading cannot do without.
//!
//! `cargo bench --bench seals [ROUNDS]`. For each seal: the real program's `verify` (BLAKE3 for the proof, SHA-256
//! of the members, lexing and census included), the seal's cipher alone, the decompressor alone (gzip around the
//! ciphertext, as the tool writes it), and the stock tool where there is one; interleaved, medians of three. The
//! ratio is the throughput of `verify` over that of the slower part. Bars: 0.90, and a peak of 64 MB.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use breakglass::format::sniff;
use breakglass::format::unpack::{Limits, Strictness, Unpacker};
use breakglass::model::backup::Compression;
use breakglass::model::foreign::Foreign;
use breakglass::model::seal::SealScheme;
use breakglass::seal::databacker::{self, SealFor};
use breakglass::seal::keyfile;
use breakglass::seal::public::PublicKey;

mod support;

use support::{Run, corpus, job, median, myself, number, run, scratch, vector};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc; // as the program has it

/// Bytes of SQL in each of the two dumps.
const DUMP: u64 = 200_000_000;
/// Name, scheme, and the key that opens it.
const SEALS: [(&str, SealScheme, &str); 5] = [
    ("aes256-cbc", SealScheme::RawKey, "aes256.key"),
    ("pbkdf2-aes256-cbc", SealScheme::Pbkdf2Cbc, "pbkdf2.pass"),
    ("chacha20-poly1305", SealScheme::RawKey, "chacha20.key"),
    ("smime-aes256-cbc", SealScheme::Cms, "rsa.pem"),
    ("age", SealScheme::Age, "age-identity.txt"),
];

fn main() {
    let base = scratch().join("seals");
    if let Some(job) = job() {
        return part(&base, &job);
    }
    if !base.join("done").exists() {
        make(&base);
    }
    println!(
        "a tar of {} MB, sealed, gzip around it",
        fs::metadata(base.join("plain.tar")).expect("made").len() / 1_000_000
    );
    for (name, _, key) in SEALS {
        let (mut verify, mut cipher, mut unpack, mut tool) = (vec![], vec![], vec![], vec![]);
        for _ in 0..number(0, 3) {
            cipher.push(run(&mut myself(&format!("cipher {name}"))));
            unpack.push(run(&mut myself(&format!("unpack {name}"))));
            verify.push(run(&mut program(&base, name, key)));
            tool.extend(stock(&base, name).map(|mut command| run(&mut command)));
        }
        tell(name, [median(verify), median(cipher), median(unpack)], (!tool.is_empty()).then(|| median(tool)));
    }
}

fn tell(name: &str, [verify, cipher, unpack]: [Run; 3], tool: Option<Run>) {
    let slower = cipher.wall.max(unpack.wall);
    let ratio = slower.as_secs_f64() / verify.wall.as_secs_f64();
    let peak = verify.peak_kib as f64 / 1024.0;
    let seconds = |run: Run| run.wall.as_secs_f64();
    println!(
        "{name:<20} verify {:.3} s, peak {peak:.1} MB; cipher {:.3} s, decompressor {:.3} s: {ratio:.2} of the slower",
        seconds(verify),
        seconds(cipher),
        seconds(unpack)
    );
    if let Some(tool) = tool {
        println!(
            "{:<20} the stock tools need {:.3} s: {:.2} of that",
            "",
            seconds(tool),
            seconds(verify) / seconds(tool)
        );
    }
}

/// The real program on one of them.
fn program(base: &Path, name: &str, key: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_breakglass"));
    command.env("BREAKGLASS_STATE_DIR", base.join("state")).stdout(Stdio::null()).stderr(Stdio::null());
    command.arg("verify").arg(base.join(format!("{name}.tgz"))).arg("--key").arg(base.join("keys").join(key));
    command
}

/// `gzip -dc | openssl enc -d`, `gzip -dc | age -d`.
fn stock(base: &Path, name: &str) -> Option<Command> {
    let (file, keys) = (base.join(format!("{name}.tgz")), base.join("keys"));
    let open = match name {
        "pbkdf2-aes256-cbc" => {
            format!("openssl enc -d -aes-256-cbc -pbkdf2 -pass file:{}", keys.join("pbkdf2.pass").display())
        }
        "smime-aes256-cbc" => {
            format!("openssl smime -decrypt -inform DER -binary -inkey {}", keys.join("rsa.pem").display())
        }
        "age" => format!("age -d -i {}", keys.join("age-identity.txt").display()),
        _ => return None,
    };
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("gzip -dc '{}' | {open} >/dev/null", file.display())).stderr(Stdio::null());
    Some(command)
}

/// One part of the reading by itself.
fn part(base: &Path, job: &str) {
    let (part, name) = job.split_once(' ').expect("a part and a seal");
    let open = |ending: &str| File::open(base.join(format!("{name}{ending}"))).expect("made");
    if part == "unpack" {
        return drain(Unpacker::new(Compression::Gzip, open(".tgz"), Strictness::Lenient, Limits::default()));
    }
    let (_, scheme, key) = SEALS.into_iter().find(|(seal, ..)| *seal == name).expect("one of them");
    let mut head = vec![];
    open(".tar").take(databacker::HEAD as u64).read_to_end(&mut head).expect("readable");
    let text = fs::read(base.join("keys").join(key)).expect("made");
    let key = keyfile::open(&text, None, Foreign::from("key")).or_else(|_| keyfile::raw(&text, Foreign::from("key")));
    let unlocked = databacker::unlock(scheme, &head, &[key.expect("it is a key")], &sniff::is_head);
    let content = unlocked.unwrap_or_else(|error| panic!("{error}")).content;
    drain(content.open(open(".tar")).expect("it opens"));
}

fn drain(mut reader: impl Read) {
    let mut buffer = vec![0; 256 << 10];
    while reader.read(&mut buffer).expect("it reads to its end") > 0 {}
}

/// Makes the tar, its seals, and gzip around each.
fn make(base: &Path) {
    fs::create_dir_all(base.join("keys")).expect("the target folder can be written");
    let vectors =
        |name: &str| vector("rsa2048-public.pem").parent().expect("a folder").join("../../databacker/keys").join(name);
    for name in ["aes256.key", "pbkdf2.pass", "chacha20.key", "age-identity.txt"] {
        fs::copy(vectors(name), base.join("keys").join(name)).expect("the vectors are there");
    }
    fs::copy(vector("rsa2048-pkcs8-plain.pem"), base.join("keys/rsa.pem")).expect("the vectors are there");
    let archive = tar(base);
    let read = |name: &str| fs::read(vectors(name)).expect("the vectors are there");
    let raw = |name: &str| <[u8; 32]>::try_from(read(name)).expect("32 bytes");
    let public = PublicKey::from_pem(&fs::read(vector("rsa2048-public.pem")).expect("a vector")).expect("a key");
    let recipient = String::from_utf8(read("age-recipient.txt")).expect("text");
    for (name, ..) in SEALS {
        let (aes, chacha, passphrase) = (raw("aes256.key"), raw("chacha20.key"), read("pbkdf2.pass"));
        let how = match name {
            "aes256-cbc" => SealFor::Aes256Cbc(&aes),
            "pbkdf2-aes256-cbc" => SealFor::Pbkdf2Cbc(&passphrase),
            "chacha20-poly1305" => SealFor::ChaCha20Poly1305(&chacha),
            "smime-aes256-cbc" => SealFor::Cms { recipient: &public, name: "bench" },
            _ => SealFor::Age(recipient.trim()),
        };
        let sealed = databacker::seal(how, &archive).expect("sealing works");
        fs::write(base.join(format!("{name}.tar")), &sealed).expect("room");
        gzip(&base.join(format!("{name}.tar")), &base.join(format!("{name}.tgz")));
    }
    fs::write(base.join("done"), "").expect("room");
}

/// Two dumps as that tool archives them.
fn tar(base: &Path) -> Vec<u8> {
    let names = ["crm_2026-11-22T01:00:00Z.sql", "shop_2026-11-22T01:00:00Z.sql"];
    for name in names {
        let mut out = BufWriter::with_capacity(1 << 20, File::create(base.join(name)).expect("room"));
        corpus::write_dump(&mut out, DUMP).expect("room");
        out.flush().expect("room");
    }
    let path: PathBuf = base.join("plain.tar");
    let made = Command::new("tar").arg("--force-local").arg("-C").arg(base).arg("-cf").arg(&path).args(names).status();
    assert!(made.expect("tar is there").success());
    names.iter().for_each(|name| fs::remove_file(base.join(name)).expect("it is ours"));
    fs::read(path).expect("made")
}

fn gzip(from: &Path, to: &Path) {
    let files = (File::open(from).expect("made"), File::create(to).expect("room"));
    let status: io::Result<_> = Command::new("gzip").arg("-6").stdin(files.0).stdout(files.1).status();
    assert!(status.expect("gzip is there").success());
}
