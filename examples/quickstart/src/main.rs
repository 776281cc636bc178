//! A session from sign-in to sign-out: `cargo run -p quickstart`.

use session_core::{Error, Principal, Rotate, SessionId, Sessions, SignIn};
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
    let sign_in = Rotate::privilege().with_sign_in(SignIn::new(alice.clone()));
    let mut session = sessions.sign_in(session.id(), sign_in.clone()).await?; // the same session at a new id
    println!("signed in: set the cookie to the new id, {} characters", session.id().expose().len());
    if let Err(error) = sessions.open(tab.id()).await {
        println!("with the old id: {error}");
    }
    let phone = sessions.sign_in(&SessionId::generate()?, sign_in).await?; // another device, which had no session
    println!("signed in on the phone: {:?}", phone.principal().map(Principal::as_str));

    session.set("theme", "dark")?;
    session.commit().await?;
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
