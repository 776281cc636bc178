//! A session from sign-in to sign-out: `cargo run --example quickstart`.

use session_core::{Error, Principal, Rotate, Rotated, Sessions, SignIn};
use session_memory::MemoryStore;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let sessions = Sessions::new(MemoryStore::new());

    let mut session = sessions.create()?;
    session.map_mut("cart").insert("sku-1", 2u32)?; // recorded; nothing is sent
    session.members_mut("viewed").insert("sku-1")?;
    session.commit().await?; // one atomic (S − D) ∪ U

    let mut tab = sessions.open(session.id()).await?; // a second tab
    tab.map_mut("cart").update("sku-1", |n: u32| n + 1).await?; // atomic, sent at once

    let alice = Principal::new("alice")?;
    session.set("theme", "dark")?;
    let sign_in = Rotate::privilege().with_sign_in(SignIn::new(alice.clone()));
    if session.rotate(sign_in).await? == Rotated::NewId {
        println!("signed in: the cookie gets the new id");
    }
    if let Err(error) = sessions.open(tab.id()).await {
        println!("with the old id: {error}");
    }

    let session = sessions.open(session.id()).await?;
    for line in session.map("cart").iter::<String, u32>() {
        let (sku, quantity) = line?;
        println!("{quantity} x {sku}, theme {:?}", session.get::<String>("theme")?);
    }

    println!("sessions of alice: {}", sessions.list(&alice).await?.len());
    println!("ended elsewhere: {}", sessions.revoke_others(&alice, session.id()).await?);
    println!("signed out everywhere: {}", sessions.revoke_all(&alice).await?);
    if let Err(error) = sessions.open(session.id()).await {
        println!("after that: {error}");
    }
    Ok(())
}
