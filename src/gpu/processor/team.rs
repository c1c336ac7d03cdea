//! Threads that share the tasks of a kernel. Tasks are cut by shape, never by the number of threads, so the bits are the same.

use std::sync::Mutex;
#[cfg(not(target_arch = "wasm32"))]
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use crate::error::{Error, Result};

/// Threads that work on a plan together. While one is played the others wait in a loop, since a kernel may take less time than
/// waking a thread; between plans they sleep.
pub struct Team {
    threads: usize,
    #[cfg(not(target_arch = "wasm32"))]
    pool: Option<rayon::ThreadPool>,
    #[cfg(not(target_arch = "wasm32"))]
    job: Job,
}

/// How often a thread looks for work before it lets others run.
#[cfg(not(target_arch = "wasm32"))]
const LOOKS: u32 = 2000;

/// The tasks that are being shared.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Default)]
struct Job {
    /// The job's number in the upper half, the first task that nobody has in the lower.
    next: AtomicU64,
    tasks: AtomicUsize,
    /// Where the closure is, and what calls it.
    closure: AtomicUsize,
    call: AtomicUsize,
    done: AtomicUsize,
    panicked: AtomicBool,
    /// Whether a plan is being played.
    open: AtomicBool,
}

impl Team {
    /// The most threads that a team may have.
    pub const MOST: usize = 1024;

    /// Cores of this computer.
    pub fn cores() -> usize {
        std::thread::available_parallelism().map_or(1, Into::into)
    }

    /// So many threads, the caller's among them.
    pub(super) fn new(threads: usize) -> Result<Self> {
        #[cfg(not(target_arch = "wasm32"))]
        let pool = match threads {
            1 => None,
            _ => {
                let builder = rayon::ThreadPoolBuilder::new().num_threads(threads - 1);
                let pool = builder.thread_name(|ix| format!("ddpm {ix}")).build();
                Some(pool.map_err(|e| Error::input(format!("threads: {threads} cannot be had: {e}")))?)
            }
        };
        #[cfg(target_arch = "wasm32")]
        if threads != 1 {
            return Err(Error::input(format!("threads: expected 1, found {threads}")));
        }
        Ok(Self {
            threads,
            #[cfg(not(target_arch = "wasm32"))]
            pool,
            #[cfg(not(target_arch = "wasm32"))]
            job: Job::default(),
        })
    }

    /// How many they are.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Calls `f` with the numbers below `tasks`, each once, on whichever thread is free.
    #[cfg(target_arch = "wasm32")]
    pub fn for_each(&self, tasks: usize, f: impl Fn(usize) + Sync) {
        (0..tasks).for_each(f);
    }

    /// Calls `f` with the numbers below `tasks`, each once, on whichever thread is free.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn for_each<F: Fn(usize) + Sync>(&self, tasks: usize, f: F) {
        if tasks < 2 || !self.job.open.load(Ordering::Relaxed) {
            return (0..tasks).for_each(f);
        }
        self.job.share(tasks, &f);
    }

    /// Cuts `out` into pieces of `length` and calls `f` with each and its number.
    pub fn for_each_piece<T: Send>(&self, out: &mut [T], length: usize, f: impl Fn(usize, &mut [T]) + Sync) {
        let pieces: Vec<Mutex<&mut [T]>> = out.chunks_mut(length.max(1)).map(Mutex::new).collect();
        self.for_each(pieces.len(), |ix| {
            if let Ok(mut piece) = pieces[ix].lock() {
                f(ix, &mut piece);
            }
        });
    }

    /// Cuts `out` into parts of these lengths and calls `f` with each and its number.
    pub fn for_each_part<T: Send>(
        &self,
        out: &mut [T],
        lengths: &[usize],
        f: impl Fn(usize, &mut [T]) + Sync,
    ) {
        let mut rest = out;
        let parts: Vec<Mutex<&mut [T]>> = lengths
            .iter()
            .map(|length| {
                let (part, others) = std::mem::take(&mut rest).split_at_mut(*length);
                rest = others;
                Mutex::new(part)
            })
            .collect();
        self.for_each(parts.len(), |ix| {
            if let Ok(mut part) = parts[ix].lock() {
                f(ix, &mut part);
            }
        });
    }

    /// Calls `play`, with the team awake.
    #[cfg(target_arch = "wasm32")]
    pub(in crate::gpu) fn awake<R>(&self, play: impl FnOnce() -> R) -> R {
        play()
    }

    /// Calls `play`, with the team awake: for one caller at a time.
    #[cfg(not(target_arch = "wasm32"))]
    pub(in crate::gpu) fn awake<R>(&self, play: impl FnOnce() -> R) -> R {
        let Some(pool) = &self.pool else { return play() };
        /// Sends the team to sleep, even if `play` panics.
        struct Close<'a>(&'a Job);
        impl Drop for Close<'_> {
            fn drop(&mut self) {
                self.0.open.store(false, Ordering::Release);
            }
        }
        self.job.open.store(true, Ordering::Release);
        pool.in_place_scope(|scope| {
            let _close = Close(&self.job);
            scope.spawn_broadcast(|_, _| self.job.help());
            play()
        })
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl Job {
    /// Shares `tasks` calls of `f` with those who help.
    fn share<F: Fn(usize) + Sync>(&self, tasks: usize, f: &F) {
        /// Calls the closure at `closure` with `task`.
        ///
        /// # Safety
        /// There must be an `F` at `closure`.
        unsafe fn call<F: Fn(usize) + Sync>(closure: usize, task: usize) {
            // SAFETY: as the caller promises.
            unsafe { (*(closure as *const F))(task) };
        }
        let last = self.next.load(Ordering::Relaxed) >> 32;
        let number = (last as u32).wrapping_add(1);
        // Nobody takes a task of the last job any more, whatever of the new one they see.
        self.next.store(last << 32 | u64::from(u32::MAX), Ordering::Relaxed);
        self.done.store(0, Ordering::Release);
        self.tasks.store(tasks, Ordering::Release);
        self.closure.store(std::ptr::from_ref(f) as usize, Ordering::Release);
        self.call.store(call::<F> as *const () as usize, Ordering::Release);
        self.next.store(u64::from(number) << 32, Ordering::Release);
        self.work(number);
        wait_until(|| self.done.load(Ordering::Acquire) == tasks);
        assert!(!self.panicked.swap(false, Ordering::Relaxed), "a kernel's task panicked");
    }

    /// Takes tasks of the job called `number` until none is left.
    fn work(&self, number: u32) {
        loop {
            let next = self.next.load(Ordering::Acquire);
            let (tasks, closure, call) = (
                self.tasks.load(Ordering::Acquire),
                self.closure.load(Ordering::Acquire),
                self.call.load(Ordering::Acquire),
            );
            let task = next as u32 as usize;
            if (next >> 32) as u32 != number || task >= tasks {
                return;
            }
            if self.next.compare_exchange_weak(next, next + 1, Ordering::AcqRel, Ordering::Relaxed).is_err() {
                continue;
            }
            // SAFETY: `share` stores such a function, with a closure for it, before it opens a job; and it closes the one before
            // first, so that no exchange succeeds for a thread that has read any of the new one's words. So what was read belongs
            // to the job. This task is not done, so `share` waits, and keeps the closure alive.
            let call: unsafe fn(usize, usize) = unsafe { std::mem::transmute(call) };
            // SAFETY: as above.
            let run = || unsafe { call(closure, task) };
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err() {
                self.panicked.store(true, Ordering::Relaxed);
            }
            self.done.fetch_add(1, Ordering::Release);
        }
    }

    /// Works on one job after the other until the plan is played.
    fn help(&self) {
        let mut seen = 0;
        loop {
            wait_until(|| {
                !self.open.load(Ordering::Acquire) || (self.next.load(Ordering::Acquire) >> 32) as u32 != seen
            });
            if !self.open.load(Ordering::Acquire) {
                return;
            }
            seen = (self.next.load(Ordering::Acquire) >> 32) as u32;
            self.work(seen);
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
fn wait_until(is_so: impl Fn() -> bool) {
    let mut looks = 0u32;
    while !is_so() {
        looks += 1;
        if looks < LOOKS {
            std::hint::spin_loop();
        } else {
            std::thread::yield_now();
        }
    }
}
