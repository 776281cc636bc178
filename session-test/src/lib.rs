//! A test double for code that uses sessions: a [`TestStore`] fails, loses answers or hangs on demand, and lists the calls
//! that it received.
//!
//! ```
//! use session_core::{ErrorKind, Sessions};
//! use session_memory::MemoryStore;
//! use session_test::{Call, Fault, TestStore};
//!
//! # pollster::block_on(async {
//! let store = TestStore::new(MemoryStore::new());
//! let sessions = Sessions::new(store.clone());
//! let mut session = sessions.create()?;
//! session.set("theme", "dark")?;
//! session.commit().await?;
//!
//! store.inject(Call::Apply, Fault::LoseAnswer);
//! session.set("theme", "light")?;
//! assert_eq!(session.commit().await.unwrap_err().kind(), ErrorKind::OutcomeUnknown);
//! session.commit().await?; // settles it: the update had happened, and is not applied twice
//!
//! assert_eq!(store.take_calls(), [Call::Create, Call::Apply, Call::Apply]);
//! # Ok::<(), session_core::Error>(())
//! # }).unwrap();
//! ```
//!
//! | to test | use |
//! |---|---|
//! | an outage that ends | [`set_down`](TestStore::set_down) |
//! | one failure | [`fail_next`](TestStore::fail_next), or [`inject`](TestStore::inject) for one kind of call |
//! | a failure of the second call | [`pass_next`](TestStore::pass_next), and then `inject` |
//! | a write whose answer is lost | [`lose_next_answer`](TestStore::lose_next_answer) |
//! | a request that is dropped while it waits | [`Fault::Hang`] |
//! | a watch that may have missed changes | [`interrupt_feed`](TestStore::interrupt_feed) |
//! | how often the store is asked | [`take_calls`](TestStore::take_calls) |
//! | expiry | a [`ManualClock`](session_core::ManualClock) in the memory store's builder |

mod fault;
mod feed;
mod store;

pub use fault::{Call, Fault, Target};
pub use store::TestStore;

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
