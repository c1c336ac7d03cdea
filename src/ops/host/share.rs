//! Tasks that write to several buffers: each task has its own piece of each.

use std::sync::Mutex;

use crate::gpu::Team;

/// Calls `f` with each task and its number, on whichever thread is free.
pub fn share<T: Send>(team: &Team, tasks: impl Iterator<Item = T>, f: impl Fn(usize, T) + Sync) {
    let tasks: Vec<Mutex<Option<T>>> = tasks.map(|task| Mutex::new(Some(task))).collect();
    team.for_each(tasks.len(), |ix| {
        let task = tasks[ix].lock().ok().and_then(|mut task| task.take());
        if let Some(task) = task {
            f(ix, task);
        }
    });
}
