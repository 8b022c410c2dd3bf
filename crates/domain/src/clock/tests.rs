//! Tests of the clock for tests.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use super::*;

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Count {
    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn nine() -> Timestamp {
    "2026-11-22T09:00:00Z".parse().unwrap()
}

fn after(seconds: i64) -> Timestamp {
    nine().saturating_add(SignedDuration::from_secs(seconds)).unwrap()
}

fn poll(sleep: &mut BoxFut<'_, ()>, count: &Arc<Count>) -> Poll<()> {
    let waker = Waker::from(Arc::clone(count));
    sleep.as_mut().poll(&mut Context::from_waker(&waker))
}

#[test]
fn it_stands_still_until_it_is_moved() {
    let clock = ManualClock::new(nine());
    let boot = clock.boot();
    assert_eq!((clock.now(), clock.boot()), (nine(), boot));
    clock.advance(SignedDuration::from_secs(5));
    assert_eq!(clock.now(), after(5));
    assert_eq!(boot.until(clock.boot()), SignedDuration::from_secs(5));
}

#[test]
fn a_sleeper_is_woken_at_its_time_and_not_before() {
    let clock = ManualClock::new(nine());
    let count = Arc::new(Count::default());
    let mut sleep = clock.sleep_until(after(10));
    assert!(poll(&mut sleep, &count).is_pending());
    assert_eq!(clock.next_sleeper(), Some(after(10)));
    clock.advance(SignedDuration::from_millis(9_999));
    assert_eq!(count.get(), 0);
    assert!(poll(&mut sleep, &count).is_pending());
    clock.advance(SignedDuration::from_millis(1));
    assert_eq!(count.get(), 1);
    assert!(poll(&mut sleep, &count).is_ready());
    assert_eq!(clock.next_sleeper(), None);
}

#[test]
fn every_sleeper_of_one_moment_is_woken_once() {
    let clock = ManualClock::new(nine());
    let count = Arc::new(Count::default());
    let mut sleeps: Vec<_> = (0..5).map(|_| clock.sleep_until(after(1))).collect();
    let mut later = clock.sleep_until(after(2));
    for sleep in sleeps.iter_mut().chain([&mut later]) {
        assert!(poll(sleep, &count).is_pending());
        assert!(poll(sleep, &count).is_pending());
    }
    clock.advance(SignedDuration::from_secs(1));
    assert_eq!(count.get(), 5);
    assert_eq!(clock.next_sleeper(), Some(after(2)));
}

#[test]
fn a_time_that_has_come_needs_no_sleep() {
    let clock = ManualClock::new(nine());
    let count = Arc::new(Count::default());
    assert!(poll(&mut clock.sleep_until(nine()), &count).is_ready());
    assert!(poll(&mut clock.sleep_until(after(-1)), &count).is_ready());
}

#[test]
fn a_sleep_that_is_given_up_leaves_nothing_behind() {
    let clock = ManualClock::new(nine());
    let count = Arc::new(Count::default());
    let mut sleep = clock.sleep_until(after(10));
    assert!(poll(&mut sleep, &count).is_pending());
    drop(sleep);
    assert_eq!(clock.next_sleeper(), None);
    clock.advance(SignedDuration::from_secs(60));
    assert_eq!(count.get(), 0);
}

#[test]
fn it_never_moves_back_unless_the_wall_clock_alone_is_stepped() {
    let clock = ManualClock::new(nine());
    clock.advance_to(after(60));
    clock.advance_to(after(30));
    assert_eq!(clock.now(), after(60));
    let boot = clock.boot();
    clock.step_wall_clock(SignedDuration::from_secs(-60));
    assert_eq!((clock.now(), clock.boot()), (nine(), boot));
}

#[test]
fn clones_show_the_same_time() {
    let clock = ManualClock::new(nine());
    let twin = clock.clone();
    clock.advance(SignedDuration::from_secs(1));
    assert_eq!(twin.now(), after(1));
}

#[test]
fn monotonic_readings_saturate_at_both_ends() {
    let day = SignedDuration::from_hours(24);
    assert_eq!(BootInstant(5).plus(SignedDuration::from_secs(-1)), BootInstant(0));
    assert_eq!(BootInstant(u64::MAX).plus(day), BootInstant(u64::MAX));
    assert_eq!(BootInstant(5).until(BootInstant(3)), SignedDuration::ZERO);
    assert_eq!(
        BootInstant(0).until(BootInstant(u64::MAX)),
        SignedDuration::from_nanos(i64::MAX)
    );
}
