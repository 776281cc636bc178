//! Time: the store's clock in milliseconds, and the only place that reads the machine's clocks.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, SystemTime},
};

/// A moment on a store's clock, in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The latest moment. As a deadline it means "never". 2^53 − 1 is the largest integer that every backend's number
    /// type holds exactly (Lua's is a double).
    pub const MAX: Self = Self((1 << 53) - 1);

    /// From milliseconds since the Unix epoch, capped at [`MAX`](Self::MAX).
    pub const fn from_millis(millis: u64) -> Self {
        if millis < Self::MAX.0 { Self(millis) } else { Self::MAX }
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// This moment plus a duration, rounded up to a millisecond and capped at [`MAX`](Self::MAX).
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self::from_millis(self.0.saturating_add(millis(duration)))
    }

    /// The time from `earlier` to this moment; zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// A duration in milliseconds, rounded up, so that a lifetime below a millisecond does not become zero.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// A future that completes after a delay.
type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The source of time. Stores and [`Sessions`](crate::Sessions) take one, so that tests can use simulated time.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The present moment. It never goes backwards.
    fn now(&self) -> Timestamp;

    /// Completes when `duration` has passed on this clock.
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        (**self).sleep(duration)
    }
}

/// The machine's clock: the wall time at the first call plus the monotonic time since. Setting the wall clock therefore
/// neither expires nor prolongs sessions. On Linux, time during which the machine was suspended counts, so a laptop or
/// a virtual machine that wakes up does not trust anything it had cached. On other systems, the time is that of
/// [`std::time::Instant`]. Works in any async runtime.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// The offset from the time since the machine's start to the wall time.
static WALL_OFFSET: OnceLock<u64> = OnceLock::new();

#[expect(clippy::disallowed_methods, reason = "this file owns the clock")]
fn wall_offset() -> u64 {
    let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    wall.map_or(0, |elapsed| u64::try_from(elapsed.as_millis()).unwrap_or(0)).saturating_sub(uptime())
}

/// Milliseconds since the machine's start.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn uptime() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    time.tv_sec.unsigned_abs() * 1_000 + time.tv_nsec.unsigned_abs() / 1_000_000
}

/// Milliseconds since the first call.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[expect(clippy::disallowed_methods, reason = "this file owns the clock")]
fn uptime() -> u64 {
    static START: OnceLock<std::time::Instant> = OnceLock::new();
    let elapsed = START.get_or_init(std::time::Instant::now).elapsed();
    elapsed.as_secs() * 1_000 + u64::from(elapsed.subsec_millis())
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(WALL_OFFSET.get_or_init(wall_offset).saturating_add(uptime()))
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(futures_timer::Delay::new(duration))
    }
}

/// A clock that stands still until it is [advanced](Self::advance), for tests.
///
/// ```
/// use std::time::Duration;
/// use session_core::{Clock, ManualClock};
///
/// let clock = ManualClock::new();
/// let before = clock.now();
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.now().since(before), Duration::from_secs(60));
/// ```
#[derive(Debug)]
pub struct ManualClock(std::sync::Arc<Mutex<Manual>>);

#[derive(Debug)]
struct Manual {
    now: Timestamp,
    /// In the order in which they started waiting.
    sleepers: Vec<Sleeper>,
    /// The number of sleeps so far.
    sleeps: u64,
}

#[derive(Debug)]
struct Sleeper {
    id: u64,
    until: Timestamp,
    waker: Waker,
}

impl ManualClock {
    /// A clock at an arbitrary moment of the year 2026.
    pub fn new() -> Self {
        let now = Timestamp::from_millis(1_767_225_600_000);
        Self(std::sync::Arc::new(Mutex::new(Manual { now, sleepers: Vec::new(), sleeps: 0 })))
    }

    /// Moves time forward and wakes the sleepers whose time has come.
    pub fn advance(&self, duration: Duration) {
        let due: Vec<Waker> = {
            let mut manual = lock(&self.0);
            manual.now = manual.now.after(duration);
            let now = manual.now;
            manual.sleepers.extract_if(.., |sleeper| sleeper.until <= now).map(|sleeper| sleeper.waker).collect()
        };
        due.into_iter().for_each(Waker::wake);
    }
}

fn lock(manual: &Mutex<Manual>) -> MutexGuard<'_, Manual> {
    manual.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clone for ManualClock {
    /// Another handle on the same clock.
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        lock(&self.0).now
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        let mut manual = lock(&self.0);
        manual.sleeps += 1;
        Box::pin(ManualSleep { clock: self.clone(), id: manual.sleeps, until: manual.now.after(duration) })
    }
}

struct ManualSleep {
    clock: ManualClock,
    id: u64,
    until: Timestamp,
}

impl ManualSleep {
    /// Replaces or removes this sleep's entry in the list of sleepers. The caller drops the old waker after it has
    /// unlocked the clock, because that drop may run other code.
    fn set_waker(&self, manual: &mut Manual, waker: Option<Waker>) -> Option<Waker> {
        let at = manual.sleepers.iter().position(|sleeper| sleeper.id == self.id);
        match (at, waker) {
            (Some(at), Some(waker)) => Some(std::mem::replace(&mut manual.sleepers[at].waker, waker)),
            (Some(at), None) => Some(manual.sleepers.remove(at).waker),
            (None, Some(waker)) => {
                manual.sleepers.push(Sleeper { id: self.id, until: self.until, waker });
                None
            }
            (None, None) => None,
        }
    }
}

impl Drop for ManualSleep {
    fn drop(&mut self) {
        let waker = self.set_waker(&mut lock(&self.clock.0), None);
        drop(waker);
    }
}

impl Future for ManualSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let waker = cx.waker().clone();
        let mut manual = lock(&self.clock.0);
        if manual.now >= self.until {
            return Poll::Ready(());
        }
        let old = self.set_waker(&mut manual, Some(waker));
        drop(manual);
        drop(old);
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pend(sleep: &mut Sleep) {
        assert!(sleep.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }

    #[test]
    fn a_manual_clock_keeps_one_waker_per_pending_sleep() {
        let clock = ManualClock::new();
        let waiting = || lock(&clock.0).sleepers.len();
        let (mut short, mut long) = (clock.sleep(Duration::from_secs(1)), clock.sleep(Duration::from_secs(2)));
        for _ in 0..9 {
            pend(&mut short);
            pend(&mut long);
        }
        assert_eq!(waiting(), 2);
        clock.advance(Duration::from_secs(1));
        assert_eq!(waiting(), 1);
        assert!(short.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
        drop(long);
        assert_eq!(waiting(), 0);
    }

    /// The last handle of a waker may own another sleep of the same clock.
    #[test]
    fn a_waker_that_is_replaced_or_dropped_may_drop_another_sleep() {
        struct Owner(#[expect(dead_code, reason = "it is only dropped")] Mutex<Sleep>);
        impl std::task::Wake for Owner {
            fn wake(self: std::sync::Arc<Self>) {}
        }
        let clock = ManualClock::new();
        let waker = || {
            let mut inner = clock.sleep(Duration::from_secs(9));
            pend(&mut inner);
            Waker::from(std::sync::Arc::new(Owner(Mutex::new(inner))))
        };
        let mut outer = clock.sleep(Duration::from_secs(9));
        for _ in 0..3 {
            assert!(outer.as_mut().poll(&mut Context::from_waker(&waker())).is_pending());
        }
        assert_eq!(lock(&clock.0).sleepers.len(), 2);
        drop(outer);
        assert_eq!(lock(&clock.0).sleepers.len(), 0);
    }
}
