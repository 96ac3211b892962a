//! What reaches the terminal.

use breakglass::model::units::Moment;
use breakglass::tui::msg::Msg;
use breakglass::tui::theme::{Palette, Theme};
use breakglass::tui::wire::Wire;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::busy;
use super::flows::SIZE;
use super::incident;
use super::sample;
use super::stage::Stage;

pub struct Line {
    stage: Stage,
    wire: Wire,
}

impl Line {
    pub fn open(mut stage: Stage, palette: Palette) -> (Self, usize) {
        stage.app.look.theme = Theme::built_in("dark", palette).unwrap();
        let mut line = Self { stage, wire: Wire::new(Rect::new(0, 0, SIZE.0, SIZE.1)) };
        let first = line.frame();
        (line, first.len())
    }

    pub fn frame(&mut self) -> Vec<u8> {
        let mut buffer = Buffer::empty(Rect::new(0, 0, SIZE.0, SIZE.1));
        let cursor = self.stage.app.draw(&mut buffer);
        self.wire.frame(buffer, cursor)
    }

    pub fn press(mut self, keys: &str) -> (Self, usize) {
        self.stage = self.stage.press(keys);
        let frame = self.frame();
        let bytes = frame.len();
        (self, bytes)
    }
}

#[test]
fn the_wire_carries_little_and_nothing_when_idle() {
    for palette in [Palette::Mono, Palette::Sixteen, Palette::Indexed, Palette::Rgb] {
        let (mut line, full) = Line::open(busy(SIZE), palette);
        assert!(full <= 6 * 1024, "{palette:?}: a full paint took {full} bytes");
        assert_eq!(line.frame().len(), 0, "idle");
        let mut worst = 0;
        let (mut rows, _) = Line::open(Stage::new(sample::broken(), SIZE), palette);
        for _ in 0..12 {
            let moved;
            (line, moved) = line.press("down");
            worst = worst.max(moved);
            let moved;
            (rows, moved) = rows.press("down");
            worst = worst.max(moved);
        }
        for stage in [incident::read(SIZE), incident::undone(SIZE), incident::read(SIZE).press("n enter")] {
            let (mut list, _) = Line::open(stage, palette);
            for key in ["down", "up", "down", "down", "up", "down", "down", "down", "down", "down"] {
                let moved;
                (list, moved) = list.press(key);
                worst = worst.max(moved);
            }
            assert_eq!(list.frame().len(), 0, "idle");
        }
        println!("{palette:?}: full paint {full} bytes, cursor move at most {worst} bytes");
        assert!(worst <= 400, "{palette:?}: a cursor move took {worst} bytes");
        line.stage = line.stage.send(Msg::Now(Moment(sample::now().0 + 30_000)));
        assert_eq!(line.frame().len(), 0, "time alone draws nothing");
    }
}

#[test]
fn a_terminal_shows_exactly_the_cells_that_were_drawn() {
    let mut parser = vt100::Parser::new(SIZE.1, SIZE.0, 0);
    let (mut line, _) = Line::open(busy(SIZE), Palette::Sixteen);
    line.wire.forget(Rect::new(0, 0, SIZE.0, SIZE.1));
    parser.process(&line.frame());
    for keys in
        ["down", "down", "enter", "pagedown", "esc", "5", "6", "7", "1", "/", "?", "esc", "esc", ":", "esc", "G"]
    {
        line.stage = line.stage.press(keys);
        parser.process(&line.frame());
        let shown: Vec<String> = parser.screen().rows(0, SIZE.0).map(|row| row.trim_end().to_owned()).collect();
        assert_eq!(shown.join("\n"), line.stage.text(), "after {keys}");
    }
}
