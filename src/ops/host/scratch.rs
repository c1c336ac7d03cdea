//! Memory that a task uses while it runs, kept by each thread for the next: the system takes longer to hand out pages than a task to
//! fill them.

use std::cell::RefCell;

thread_local! {
    static FREE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Calls `f` with `words` words that hold anything.
pub(super) fn with<R>(words: usize, f: impl FnOnce(&mut [f32]) -> R) -> R {
    let mut memory = FREE.with_borrow_mut(Vec::pop).unwrap_or_default();
    if memory.len() < words {
        memory.resize(words, 0.0);
    }
    let result = f(&mut memory[..words]);
    FREE.with_borrow_mut(|free| free.push(memory));
    result
}
