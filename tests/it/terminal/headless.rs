//! The headless verbs on a terminal: what they print there may come from anybody.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use super::{BREAKGLASS, command};
use crate::support::pty::Pty;
use crate::support::scratch;

#[test]
fn no_byte_of_a_hostile_name_reaches_a_terminal_raw() {
    let home = scratch();
    let folder = home.path().join("bak");
    fs::create_dir(&folder).unwrap();
    let names: [&[u8]; 6] = [
        b"a\x1b]0;owned\x07b.sql",
        b"b\x1b[2J\x9b31m.sql",
        "c\u{202e}lqs.d".as_bytes(),
        b"raw\xff\xfe\xc3.sql",
        b"line\nbreak\rback.sql",
        &[b'n'; 255],
    ];
    for name in names {
        fs::write(folder.join(OsStr::from_bytes(name)), "-- MySQL dump 10.13\nCREATE TABLE t (x INT);\n").unwrap();
    }
    let estate = home.path().join("estate.toml");
    fs::write(&estate, format!("name = \"test\"\n[targets.t]\nurl = \"file://{}/\"\n", folder.display())).unwrap();
    for (words, seen) in [
        (&["ls"][..], "raw\\xff\\xfe\\xc3"),
        (&["ls", "--json"], "raw\\\\xff"),
        (&["verify", "--newest-of-each"], "raw\\xff"),
        (&["doctor"], "t"),
        (&["audit"], "verify"),
    ] {
        let mut command = command(home.path(), &[&[BREAKGLASS][..], words].concat());
        command.env("BREAKGLASS_ESTATE", &estate);
        command.env("BREAKGLASS_STATE_DIR", home.path().join("state"));
        let mut pty = Pty::start(command);
        pty.resize(400, 50);
        pty.end();
        assert!(pty.seen().contains(seen), "{words:?} never showed {seen:?}: {}", pty.seen());
        for marker in
            [&b"\x1b]"[..], b"\x1b[2J", b"\x07", b"\x9b31m", b"\xff", b"\xfe", "\u{202e}".as_bytes(), b"line\n"]
        {
            assert!(memchr::memmem::find(&pty.raw, marker).is_none(), "{words:?} wrote {marker:?} raw: {}", pty.seen());
        }
    }
}
