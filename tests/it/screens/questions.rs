//! What targets' logins ask, in layers: shown until answered, lost by no key, and never answered by accident.
#![allow(clippy::unwrap_used)]

use breakglass::model::foreign::Foreign;
use breakglass::model::question::{Asks, Question};
use breakglass::model::target::TargetName;
use breakglass::tui::msg::Msg;
use breakglass::work::questions::Asking;

use super::stage::Stage;
use super::{busy, pictures, planned, quiet};

const SIZE: (u16, u16) = (80, 24);

fn asked(id: u64, asks: Asks) -> Msg {
    let target = TargetName::new("vault").unwrap();
    Msg::Asked(Some(Asking { id, question: Question { target, asks, again: false } }))
}

fn host_key() -> Asks {
    Asks::HostKey {
        host: Foreign::from("[10.4.0.7]:2222 ([10.4.0.7]:2222)"),
        kind: "ED25519".into(),
        fingerprint: "SHA256:uNiVztksCsDhcc0u9e8BrrJXVGDrPLLQ+sDcXvtBm3I".into(),
    }
}

fn passphrase() -> Asks {
    Asks::Secret { prompt: Foreign::from("Enter passphrase for key '/home/ops/.ssh/id_ed25519':") }
}

fn touch() -> Asks {
    Asks::Touch { text: Foreign::from("Confirm user presence for key ED25519-SK SHA256:abc") }
}

fn again(id: u64) -> Msg {
    let target = TargetName::new("vault").unwrap();
    Msg::Asked(Some(Asking { id, question: Question { target, asks: passphrase(), again: true } }))
}

fn is_shown(stage: &mut Stage) -> bool {
    stage.text().contains("Target vault")
}

#[test]
fn questions_are_drawn() {
    pictures("question_host_key", |size| busy(size).send(asked(1, host_key())));
    pictures("question_secret", |size| busy(size).send(asked(1, passphrase())).type_text("correct horse"));
    pictures("question_secret_again", |size| busy(size).send(again(2)));
    pictures("question_touch", |size| busy(size).send(asked(1, touch())));
}

#[test]
fn a_host_key_is_accepted_by_y_alone() {
    let stage = quiet(SIZE).send(asked(7, host_key()));
    assert!(stage.app.layers.len() == 1);
    assert_eq!(quiet(SIZE).send(asked(7, host_key())).press("y").asked, ["answer question 7"]);
    for no in ["n", "N", "enter", "esc"] {
        let stage = quiet(SIZE).send(asked(7, host_key())).press(no);
        assert_eq!(stage.asked, ["decline question 7"], "{no}");
        assert!(stage.app.layers.is_empty(), "{no}");
    }
    let stage = stage.paste("y\n");
    assert!(stage.asked.is_empty(), "pasted text answers nothing");
    let stage = stage.press("1 5 : r v K ctrl-r");
    assert_eq!((stage.asked.len(), stage.app.layers.len()), (0, 1), "no other key leads away from it");
}

#[test]
fn keys_that_were_on_their_way_when_it_opened_answer_nothing() {
    let stage = quiet(SIZE).send(asked(7, host_key()));
    let stage = stage.send(Msg::Key(super::stage::key("y"))).send(Msg::Key(super::stage::key("esc")));
    assert!(stage.asked.is_empty() && stage.app.layers.len() == 1);
}

#[test]
fn a_secret_is_typed_unseen_and_an_empty_one_is_no_answer() {
    let stage = quiet(SIZE).send(asked(3, passphrase())).press("enter");
    assert!(stage.asked.is_empty());
    let mut stage = stage.type_text("tr0ub4dor");
    assert!(!stage.text().contains("tr0ub4dor") && is_shown(&mut stage));
    let mut stage = stage.press("enter");
    assert_eq!(stage.asked, ["answer question 3"]);
    assert!(!is_shown(&mut stage));
    assert!(quiet(SIZE).send(asked(3, passphrase())).press("esc").asked == ["decline question 3"]);
}

#[test]
fn a_question_that_was_taken_back_goes_and_the_next_one_comes() {
    let mut stage = quiet(SIZE).send(asked(1, passphrase())).type_text("half");
    assert!(is_shown(&mut stage));
    let mut stage = stage.send(Msg::Asked(None));
    assert!(!is_shown(&mut stage) && stage.app.layers.is_empty());
    let stage = stage.send(asked(2, host_key())).send(asked(3, passphrase()));
    assert_eq!(stage.app.layers.len(), 1, "one at a time");
    assert_eq!(stage.type_text("x").press("enter").asked, ["answer question 3"]);
}

#[test]
fn it_waits_below_what_is_being_typed_and_survives_every_way_out() {
    let mut stage = quiet(SIZE).press("K enter").send(Msg::Asked(None));
    stage = stage.send(Msg::KeyLocked(breakglass::tui::msg::KeyFrom::Estate("ops-2026".into()), "ops-2026".into()));
    let stage = stage.type_text("my pass").send(asked(4, host_key())).type_text("y");
    assert_eq!(stage.asked, ["load key ops-2026"], "the y went into the passphrase");
    let mut stage = stage.press("esc");
    assert!(is_shown(&mut stage));
    assert_eq!(stage.press("y").asked, ["load key ops-2026", "answer question 4"]);

    // Leaving all layers does not lose it: a restore that starts here waits for nobody else.
    let stage = planned(SIZE).press("pagedown pagedown pagedown ctrl-s").send(asked(5, passphrase()));
    let mut stage = stage.press("y");
    assert!(stage.asked.iter().any(|effect| effect.starts_with("restore ")), "{:?}", stage.asked);
    assert!(is_shown(&mut stage));
}
