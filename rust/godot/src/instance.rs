// SPDX-License-Identifier: MIT
//! The class `VSekaiInstanceLock`.

use std::fs::{File, TryLockError};

use godot::prelude::*;

/// The right to be the only window of its kind: a lock of the system on a file, which it lets go of when the
/// program ends, however it ends.
#[derive(GodotClass)]
#[class(init, base = RefCounted)]
pub struct VSekaiInstanceLock {
    file: Option<File>,
}

#[godot_api]
impl VSekaiInstanceLock {
    /// Takes the lock on the file at [param path], an absolute path, which is made if need be. Returns `false` only
    /// if another program holds it: where that cannot be found out, a second window is better than none.
    #[func]
    fn claim(&mut self, path: GString) -> bool {
        let file = match open(&path.to_string()) {
            Ok(file) => file,
            Err(error) => {
                godot_warn!("VSekaiInstanceLock.claim: {error}");
                return true;
            }
        };
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => false,
            Err(TryLockError::Error(error)) => {
                godot_warn!("VSekaiInstanceLock.claim: cannot lock {path}: {error}");
                true
            }
            Ok(()) => {
                self.file = Some(file);
                true
            }
        }
    }

    /// Gives the lock back; so does the end of this object.
    #[func]
    fn release(&mut self) {
        self.file = None;
    }
}

fn open(path: &str) -> std::io::Result<File> {
    let mut options = fs_err::OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).open(path)?;
    Ok(file.into_parts().0)
}
