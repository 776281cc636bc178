//! A session from sign-in to sign-out: `cargo run --example quickstart`.

use session_core::{Error, Rotate, Sessions};
use session_memory::MemoryStore;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let sessions = Sessions::new(MemoryStore::new());

    let mut session = sessions.create()?;
    session.map_mut("cart").insert("sku-1", 2u32)?; // recorded; nothing is sent
    session.members_mut("viewed").insert("sku-1")?;
    session.commit().await?; // one atomic (S − D) ∪ U

    let mut tab = sessions.open(session.id()).await?; // a second tab
    tab.map_mut("cart").update("sku-1", |n: u32| n + 1).await?; // atomic, at once
    session.set("theme", "dark")?;
    let _ = session.rotate(Rotate::privilege()).await?; // sign-in: a new id

    let mut session = sessions.open(session.id()).await?;
    for line in session.map("cart").iter::<String, u32>() {
        let (sku, quantity) = line?;
        println!("{quantity} x {sku}, theme {:?}", session.get::<String>("theme")?);
    }
    if let Err(error) = sessions.open(tab.id()).await {
        println!("with the old id: {error}");
    }
    session.destroy().await
}
