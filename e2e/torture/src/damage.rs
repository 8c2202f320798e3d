//! Members of indexes deleted by hand, as an operator's mistake or a lost write would leave them: the reconciler must mend them.

use fastrand::Rng;
use redis::AsyncCommands;

use crate::{faults::Report, store::Store, world::World};

/// Members deleted by one damage.
const MEMBERS: usize = 20;

pub(crate) async fn damage(world: &World, rng: &mut Rng) -> Report {
    match delete(world, rng).await {
        Ok(done) => Report { pid: None, note: done },
        Err(error) => Report {
            pid: None,
            note: format!("not damaged: {error}"),
        },
    }
}

async fn delete(world: &World, rng: &mut Rng) -> redis::RedisResult<String> {
    let mut store = Store::connect(world.redis_port).await?;
    let index = ["lease", "due", "done", "expiry"][rng.usize(0..4)];
    let key = Store::key(index);
    let members: Vec<Vec<u8>> = store.connection.zrange(&key, 0, -1).await?;
    let mut gone = 0;
    for member in rng.choose_multiple(members.iter(), MEMBERS) {
        gone += store.connection.zrem::<_, _, usize>(&key, member).await?;
    }
    // And what waits first in one of the ready lines.
    let mut lines = 0;
    for line in store.keys("r:*").await? {
        let id: Option<Vec<u8>> = store.connection.lpop(&line, None).await?;
        lines += usize::from(id.is_some());
    }
    Ok(format!("{gone} of {index}, {lines} of ready lines"))
}
