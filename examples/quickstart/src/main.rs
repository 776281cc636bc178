//! A session from sign-in to sign-out: `cargo run -p quickstart`.

use session_core::{Error, Principal, Rotate, Rotated, Sessions, SignIn};
use session_memory::MemoryStore;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let sessions = Sessions::new(MemoryStore::new());

    let mut session = sessions.create()?;
    session.map_mut("cart").insert("sku-1", 2u32)?; // recorded; nothing is sent
    session.members_mut("viewed").insert("sku-1")?;
    session.commit().await?; // one atomic update

    let mut tab = sessions.open(session.id()).await?; // a second tab
    tab.map_mut("cart").update("sku-1", |n: u32| n + 1).await?; // atomic, sent at once

    let alice = Principal::new("alice")?;
    session.set("theme", "dark")?;
    let sign_in = Rotate::privilege().with_sign_in(SignIn::new(alice.clone()));
    if session.rotate(sign_in.clone()).await? == Rotated::NewId {
        println!("signed in: the cookie gets the new id, {} characters", session.id().expose().len());
    }
    let mut phone = sessions.create()?;
    let _new_id = phone.rotate(sign_in).await?; // signed in on another device, too
    if let Err(error) = sessions.open(tab.id()).await {
        println!("with the old id: {error}");
    }

    let session = sessions.open(session.id()).await?;
    for line in session.map("cart").iter::<String, u32>() {
        let (sku, quantity) = line?;
        println!("{quantity} x {sku}, theme {:?}", session.get::<String>("theme")?);
    }

    println!("sessions of alice: {}", sessions.list(&alice).await?.len()); // 2
    println!("ended elsewhere: {}", sessions.revoke_others(&alice, session.id()).await?); // 1
    println!("signed out everywhere: {}", sessions.revoke_all(&alice).await?); // 1
    if let Err(error) = sessions.open(session.id()).await {
        println!("after that: {error}");
    }
    Ok(())
}
