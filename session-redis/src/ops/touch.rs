use session_core::{
    Error, SessionId,
    model::IdDigest,
    store::{TouchOptions, TouchOutcome, Touched},
};

use super::{Sending, absent, elsewhere, odd_reply};
use crate::{
    inner::Inner,
    meta::{Standing, millis, put},
    net::Resend,
    script::SCRIPTS,
};

const OPERATION: &str = "touch";

impl Inner {
    pub(crate) async fn touch(&self, id: &SessionId, options: TouchOptions) -> Result<TouchOutcome, Error> {
        let sending = Sending { operation: OPERATION, resend: Resend::Harmless, replicas: 0 };
        // Zero is a timeout of its own: it renews nothing.
        let other = options.idle.map_or(0, |idle| if idle.is_zero() { 1 } else { millis(idle) + 1 });
        let mut span = 0;
        loop {
            let cmd = |at: &IdDigest, through: bool| {
                let mut head = Vec::with_capacity(16);
                put::<7>(&mut head, other);
                put::<7>(&mut head, span);
                head.push(u8::from(through));
                let mut cmd = SCRIPTS.touch.call(&[&self.layout.session(at)], (1, head.len()));
                cmd.arg(head);
                cmd
            };
            let (at, answer) = self.call_through(id.digest(), (&SCRIPTS.touch, sending), cmd).await?;
            match answer.reply.split_first() {
                Some((b'A', rest)) => {
                    let standing = Standing::read(rest).ok_or_else(|| odd_reply(OPERATION))?;
                    let touched = Touched::new(standing.deadlines, standing.now).with_forwarded(elsewhere(at, id));
                    return Ok(TouchOutcome::Touched(touched));
                }
                Some((b'I', rest)) => span = Box::pin(self.relist(OPERATION, &at, rest, span)).await?,
                _ => return absent(OPERATION, &answer.reply).map(Into::into),
            }
        }
    }
}
