//! Typed and pasted secrets: one fixed buffer, locked in memory, wiped when it goes.
//!
//! No `Debug`, no `Display`, no `Clone`, no growing: a secret is never copied by moving to a larger
//! buffer, and nothing that prints a layer can print what is in it.

use std::ffi::c_void;

use ratatui::layout::{Position, Rect};
use rustix::mm::{mlock, munlock};
use zeroize::Zeroize;

use crate::tui::canvas::Canvas;
use crate::tui::theme::Role;

/// More than any PEM file of an RSA key needs.
const ROOM: usize = 32 * 1024;

/// More than anyone types.
const TYPED: usize = 1024;

/// A secret text in locked memory.
pub struct SecretText {
    bytes: Box<[u8]>,
    used: usize,
    locked: bool,
}

impl SecretText {
    /// An empty one that takes up to `room` bytes.
    fn with_room(room: usize) -> Self {
        let bytes = vec![0; room].into_boxed_slice();
        // SAFETY: the pages belong to `bytes`, which lives as long as `self` and never moves its heap block.
        let locked = unsafe { mlock(bytes.as_ptr().cast_mut().cast::<c_void>(), room) }.is_ok();
        Self { bytes, used: 0, locked }
    }

    /// Takes a text over and wipes it; what is too long for any key is cut.
    pub fn taking(mut text: String) -> Self {
        let mut secret = Self::with_room(text.len().clamp(1, ROOM));
        secret.used = text.len().min(ROOM);
        secret.bytes[..secret.used].copy_from_slice(&text.as_bytes()[..secret.used]);
        text.zeroize();
        secret
    }

    /// The secret itself.
    pub fn expose(&self) -> &[u8] {
        &self.bytes[..self.used]
    }

    /// How many bytes it has.
    pub fn len(&self) -> usize {
        self.used
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }
}

impl Drop for SecretText {
    fn drop(&mut self) {
        self.bytes.zeroize();
        if self.locked {
            // SAFETY: the same pages as in `with_room`.
            let _ = unsafe { munlock(self.bytes.as_ptr().cast_mut().cast::<c_void>(), self.bytes.len()) };
        }
    }
}

/// A field for a passphrase.
pub struct SecretField {
    secret: SecretText,
    /// Characters typed, for the bullets.
    characters: usize,
}

impl Default for SecretField {
    fn default() -> Self {
        Self { secret: SecretText::with_room(TYPED), characters: 0 }
    }
}

impl SecretField {
    /// Takes one more character; ignored when the field is full.
    pub fn push(&mut self, c: char) {
        let mut utf8 = [0; 4];
        let more = c.encode_utf8(&mut utf8).as_bytes();
        let (from, to) = (self.secret.used, self.secret.used + more.len());
        if to <= self.secret.bytes.len() {
            self.secret.bytes[from..to].copy_from_slice(more);
            self.secret.used = to;
            self.characters += 1;
        }
        utf8.zeroize();
    }

    /// Takes the last character away.
    pub fn pop(&mut self) {
        let start = self.secret.expose().iter().rposition(|byte| byte & 0xc0 != 0x80).unwrap_or(0);
        self.secret.bytes[start..self.secret.used].zeroize();
        self.characters = self.characters.saturating_sub(usize::from(self.secret.used > start));
        self.secret.used = start;
    }

    /// Takes everything away.
    pub fn clear(&mut self) {
        self.secret.bytes.zeroize();
        (self.secret.used, self.characters) = (0, 0);
    }

    /// Adds a pasted text without its line end.
    pub fn paste(&mut self, text: &SecretText) {
        let Ok(text) = std::str::from_utf8(text.expose()) else { return };
        for c in text.trim_end_matches(['\n', '\r']).chars() {
            self.push(c);
        }
    }

    /// Whether nothing has been typed.
    pub fn is_empty(&self) -> bool {
        self.secret.is_empty()
    }

    /// The secret, leaving an empty field behind.
    pub fn take(&mut self) -> SecretText {
        std::mem::take(self).secret
    }

    /// Draws bullets, no more than fit, and places the terminal's cursor.
    pub fn view(&self, area: Rect, canvas: &mut Canvas<'_>) {
        if area.is_empty() {
            return;
        }
        let shown = self.characters.min(usize::from(area.width) - 1);
        canvas.text(area, Role::Input, &canvas.glyphs.bullet.to_string().repeat(shown));
        canvas.cursor = Some(Position { x: area.x + shown as u16, y: area.y });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_come_and_go_whole() {
        let mut field = SecretField::default();
        "pä$✓".chars().for_each(|c| field.push(c));
        field.pop();
        assert_eq!(field.secret.expose(), "pä$".as_bytes());
        field.pop();
        field.pop();
        assert_eq!((field.secret.expose(), field.characters), (&b"p"[..], 1));
        field.pop();
        field.pop();
        assert!(field.is_empty());
    }

    #[test]
    fn a_full_field_takes_no_more_and_never_moves() {
        let mut field = SecretField::default();
        let place = field.secret.bytes.as_ptr();
        (0..2 * TYPED).for_each(|_| field.push('x'));
        assert_eq!((field.secret.len(), field.secret.bytes.as_ptr()), (TYPED, place));
        field.clear();
        assert!(field.secret.bytes.iter().all(|byte| *byte == 0));
    }

    #[test]
    fn a_pasted_passphrase_loses_its_line_end_only() {
        let mut field = SecretField::default();
        field.paste(&SecretText::taking(" two words \r\n".to_owned()));
        assert_eq!(field.take().expose(), b" two words ");
        assert!(field.is_empty());
    }
}
