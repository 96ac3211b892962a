//! Memory for secrets: locked against swapping, left out of core dumps, wiped when dropped.

use std::ptr::NonNull;
use std::slice;

use rustix::mm::{MapFlags, ProtFlags, mlock, mmap_anonymous, munmap};
use zeroize::{Zeroize, Zeroizing};

/// Whether the kernel agreed to keep pages out of the swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locking {
    /// The pages never reach a swap device.
    Locked,
    /// `RLIMIT_MEMLOCK` is too small: they may be swapped, but are still wiped and never dumped.
    Refused,
}

/// Bytes of a fixed length in pages of their own: locked, not dumped, wiped before they are given back.
pub struct LockedBytes {
    start: NonNull<u8>,
    len: usize,
    mapped: usize,
    locking: Locking,
}

// SAFETY: the mapping belongs to this value alone and is freed only by its drop; shared access is read-only.
unsafe impl Send for LockedBytes {}
// SAFETY: as above.
unsafe impl Sync for LockedBytes {}

impl LockedBytes {
    /// `len` zero bytes in fresh pages.
    ///
    /// # Panics
    ///
    /// When the kernel has no page left, as any allocation does.
    pub fn zeroed(len: usize) -> Self {
        let mapped = len.max(1).next_multiple_of(rustix::param::page_size());
        let flags = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
        // SAFETY: a new private mapping at an address of the kernel's choice overlaps nothing.
        let start = unsafe { mmap_anonymous(std::ptr::null_mut(), mapped, flags.0, flags.1) };
        let start = start.expect("the kernel grants a page, or no allocation would succeed either");
        // SAFETY: exactly the pages that were just mapped.
        let locked = unsafe { mlock(start, mapped) };
        #[cfg(target_os = "linux")]
        // SAFETY: as above. A kernel that does not know the advice still has the core limit against it.
        let _ = unsafe { rustix::mm::madvise(start, mapped, rustix::mm::Advice::LinuxDontDump) };
        Self {
            start: NonNull::new(start.cast()).expect("a mapping without MAP_FIXED is never at address zero"),
            len,
            mapped,
            locking: if locked.is_ok() { Locking::Locked } else { Locking::Refused },
        }
    }

    /// A locked copy. The original is the caller's to wipe.
    pub fn copy_of(bytes: &[u8]) -> Self {
        let mut locked = Self::zeroed(bytes.len());
        locked.expose_mut().copy_from_slice(bytes);
        locked
    }

    /// The bytes. Never log, print or keep a copy of them.
    pub fn expose(&self) -> &[u8] {
        // SAFETY: `len` bytes are mapped and initialised (by the kernel, with zeros) as long as `self` lives.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    /// The bytes, to be filled.
    pub fn expose_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `expose`; `&mut self` makes the access exclusive.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }

    /// Whether the pages are locked.
    pub fn locking(&self) -> Locking {
        self.locking
    }
}

impl Drop for LockedBytes {
    fn drop(&mut self) {
        self.expose_mut().zeroize();
        // SAFETY: the mapping made by `zeroed`, which nothing can refer to any more.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.mapped) };
    }
}

/// A secret at rest: a passphrase, a key's text. Has no `Debug`, `Display` or `Serialize`.
pub struct Secret(LockedBytes);

impl Secret {
    /// Moves the bytes into locked memory and wipes the vector.
    pub fn new(bytes: Vec<u8>) -> Self {
        let bytes = Zeroizing::new(bytes);
        Self(LockedBytes::copy_of(&bytes))
    }

    /// The bytes. Never log, print or keep a copy of them.
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    /// Whether its pages are locked.
    pub fn locking(&self) -> Locking {
        self.0.locking()
    }
}

/// Where a passphrase is typed: locked, of a fixed size, never moved and so never copied.
pub struct SecretBuffer {
    bytes: LockedBytes,
    used: usize,
}

impl SecretBuffer {
    /// The greatest length of a passphrase, in bytes of UTF-8.
    pub const CAPACITY: usize = 1024;

    /// An empty field.
    pub fn new() -> Self {
        Self { bytes: LockedBytes::zeroed(Self::CAPACITY), used: 0 }
    }

    /// Adds a character at the end; a full field takes no more and answers `Err` with it.
    pub fn push(&mut self, c: char) -> Result<(), char> {
        let room = self.bytes.expose_mut().get_mut(self.used..self.used + c.len_utf8()).ok_or(c)?;
        c.encode_utf8(room);
        self.used += c.len_utf8();
        Ok(())
    }

    /// Takes the last character away and wipes it; whether there was one.
    pub fn pop(&mut self) -> bool {
        let Some(last) = self.text().chars().next_back() else { return false };
        let end = self.used;
        self.used -= last.len_utf8();
        let from = self.used;
        self.bytes.expose_mut()[from..end].zeroize();
        true
    }

    /// Empties and wipes the field.
    pub fn clear(&mut self) {
        self.bytes.expose_mut().zeroize();
        self.used = 0;
    }

    /// How many characters stand in it: as many dots are drawn.
    pub fn len(&self) -> usize {
        self.text().chars().count()
    }

    /// Whether nothing was typed.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Hands over what was typed and leaves an empty field.
    pub fn take(&mut self) -> Secret {
        let secret = Secret(LockedBytes::copy_of(&self.bytes.expose()[..self.used]));
        self.clear();
        secret
    }

    /// Hands over what was typed.
    pub fn into_secret(mut self) -> Secret {
        self.take()
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes.expose()[..self.used]).expect("only whole characters are pushed and popped")
    }
}

impl Default for SecretBuffer {
    fn default() -> Self {
        Self::new()
    }
}

/// Forbids core dumps of this process and reading its memory through `/proc` or a debugger of the same user.
///
/// Best effort: a kernel that refuses leaves the process as it was, and the answer says so.
pub fn harden_process() -> Hardening {
    let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    let no_core = rustix::process::setrlimit(rustix::process::Resource::Core, none).is_ok();
    #[cfg(target_os = "linux")]
    let no_core = {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        set_dumpable_behavior(DumpableBehavior::NotDumpable).is_ok() && no_core
    };
    if no_core { Hardening::NoDumps } else { Hardening::DumpsPossible }
}

/// What [`harden_process`] achieved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hardening {
    /// No core dump can be written.
    NoDumps,
    /// The kernel refused; a crash may leave a core dump.
    DumpsPossible,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_is_typed_and_taken_back_character_by_character() {
        let mut field = SecretBuffer::new();
        for c in "Pässwörd\u{1f511}".chars() {
            field.push(c).unwrap();
        }
        assert_eq!(field.len(), 9);
        assert!(field.pop());
        assert_eq!(field.len(), 8);
        let secret = field.take();
        assert_eq!(secret.expose(), "Pässwörd".as_bytes());
        assert!(field.is_empty() && !field.pop());
        assert!(field.bytes.expose().iter().all(|&byte| byte == 0));
    }

    #[test]
    fn a_full_field_takes_no_half_character() {
        let mut field = SecretBuffer::new();
        while field.push('a').is_ok() {}
        assert_eq!(field.len(), SecretBuffer::CAPACITY);
        field.pop();
        assert_eq!(field.push('ä'), Err('ä'));
        assert_eq!(field.len(), SecretBuffer::CAPACITY - 1);
    }

    #[test]
    fn locked_pages_hold_any_length() {
        for len in [0, 1, 4095, 4096, 4097, 20_000] {
            let bytes: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
            let secret = Secret::new(bytes.clone());
            assert_eq!(secret.expose(), bytes);
        }
    }
}
