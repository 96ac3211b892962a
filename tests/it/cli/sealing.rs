//! `seal`, `unseal` and `reseal` as files and as filters, and the keys for them.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use super::{Home, finish, fixture};

fn key(name: &str) -> String {
    fixture("keys").join(name).to_str().unwrap().to_owned()
}

#[test]
fn what_was_sealed_opens_again_under_its_old_name_and_nothing_is_overwritten() {
    let home = Home::new();
    let text = "-- a dump\n".repeat(20_000);
    fs::write(home.path("dump.sql"), &text).unwrap();
    let sealed = home.run(&["seal", "dump.sql", "-r", &key("rsa2048-public.pem"), "--json"]);
    assert_eq!((sealed.code, sealed.line()["bytes_in"].as_u64()), (0, Some(text.len() as u64)), "{sealed:?}");
    assert_eq!(fs::metadata(home.path("dump.sql.sealed")).unwrap().permissions().mode() & 0o777, 0o600);

    let taken = home.run(&["unseal", "dump.sql.sealed", "--key", &key("rsa2048-pkcs1-plain.pem")]);
    assert_eq!(taken.code, 6, "the old file is still there: {taken:?}");
    fs::remove_file(home.path("dump.sql")).unwrap();
    let opened = home.run(&["unseal", "dump.sql.sealed", "--key", &key("rsa2048-pkcs1-plain.pem")]);
    assert_eq!(opened.code, 0, "{opened:?}");
    assert_eq!(fs::read_to_string(home.path("dump.sql")).unwrap(), text);
}

#[test]
fn filters_pass_bytes_from_pipe_to_pipe() {
    let home = Home::new();
    let mut child = home
        .command(&["seal", "-r", &key("rsa2048-public.pem"), "-o", "x.sealed"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"through a pipe").unwrap();
    assert_eq!(finish(child).code, 0);
    let mut command = home.command(&["unseal", "--key", &key("rsa2048-pkcs1-plain.pem")]);
    let run = finish(command.stdin(fs::File::open(home.path("x.sealed")).unwrap()).spawn().unwrap());
    assert_eq!((run.code, run.out.as_str()), (0, "through a pipe"), "{run:?}");
}

#[test]
fn resealing_hands_over_to_other_recipients() {
    let home = Home::new();
    fs::write(home.path("a"), "secret").unwrap();
    assert_eq!(home.run(&["seal", "a", "-r", &key("rsa2048-public.pem")]).code, 0);
    let (old, new) = (key("rsa2048-pkcs1-plain.pem"), key("rsa4096-pkcs1-plain.pem"));
    let reseal = ["reseal", "a.sealed", "-o", "b.sealed", "-r", &key("dbacked_public_key.pem"), "--key", &old];
    assert_eq!(home.run(&reseal).code, 0);
    assert_eq!(home.run(&["unseal", "b.sealed", "-o", "-", "--key", &old]).code, 4);
    assert_eq!(home.run(&["unseal", "b.sealed", "-o", "-", "--key", &new]).out, "secret");
}

#[test]
fn a_cut_file_gives_no_byte_and_no_file() {
    let home = Home::new();
    fs::write(home.path("a"), vec![b'x'; 300_000]).unwrap();
    home.run(&["seal", "a", "-r", &key("rsa2048-public.pem")]);
    let whole = fs::read(home.path("a.sealed")).unwrap();
    fs::write(home.path("cut.sealed"), &whole[..whole.len() - 70_000]).unwrap();
    let private = key("rsa2048-pkcs1-plain.pem");
    let run = home.run(&["unseal", "cut.sealed", "-o", "-", "--key", &private]);
    assert_eq!((run.code, run.out.len()), (3, 0), "{}", run.err);
    assert_eq!(home.run(&["unseal", "cut.sealed", "--key", &private]).code, 3);
    assert!(!home.path("cut").exists());
}

#[test]
fn a_private_key_is_no_recipient_and_a_dbacked_backup_is_no_sealed_file() {
    let home = Home::new();
    fs::write(home.path("a"), "x").unwrap();
    let run = home.run(&["seal", "a", "-r", &key("rsa2048-pkcs1-plain.pem"), "--json"]);
    assert_eq!((run.code, run.error_code().as_str()), (1, "seal::private_key"), "{run:?}");
    let backup = fixture("objects/dbacked_shop_300820261040");
    let run = home.run_with_key(&["unseal", backup.to_str().unwrap(), "-o", "out", "--json"]);
    assert_eq!((run.code, run.error_code().as_str()), (2, "export::dbacked"), "{run:?}");
    assert!(!home.path("out").exists());
}

#[test]
fn a_new_pair_is_encrypted_and_private_and_opens_what_it_sealed() {
    let home = Home::new();
    let made = home.run(&["key", "new", "ops.pem", "--passphrase-file", "passphrase", "--json"]);
    assert_eq!((made.code, made.line()["bits"].as_u64()), (0, Some(4096)), "{made:?}");
    assert_eq!(fs::metadata(home.path("ops.pem")).unwrap().permissions().mode() & 0o777, 0o600);
    let facts = home.run(&["key", "inspect", "ops.pem", "--json"]).line();
    assert_eq!((&facts["encrypted"], &facts["private"]), (&true.into(), &true.into()));
    fs::write(home.path("a"), "for ops").unwrap();
    assert_eq!(home.run(&["seal", "a", "-r", "ops.pub.pem"]).code, 0);
    let open = ["unseal", "a.sealed", "-o", "-", "--key", "ops.pem", "--passphrase-file", "passphrase"];
    assert_eq!(home.run(&open).out, "for ops");
    assert_eq!(home.run(&["key", "new", "ops.pem", "--passphrase-file", "passphrase"]).code, 6);
    assert_eq!(home.run(&["key", "new", "other.pem"]).code, 6, "no terminal to ask on");
}
