//! The floor R: the life of a task in the leanest scripts that can be called a queue. One packed key for each task, 64 tasks a call, 4
//! calls in flight; three phases: all in, all leased, all done. Nothing of what a product needs: no fence, no retry, no limits, no log.

use std::sync::Arc;

use redis::{Client, Script, aio::MultiplexedConnection};

use crate::{args::RedisArgs, gate, load::Inputs};

const BATCH: usize = 64;
const IN_FLIGHT: usize = 4;

const ENQUEUE: &str = "
local ids, pairs = {}, {}
for at = 1, #ARGV, 2 do
  ids[#ids + 1] = ARGV[at]
  pairs[#pairs + 1] = 'f:{0}:t:' .. ARGV[at]
  pairs[#pairs + 1] = ARGV[at + 1]
end
redis.call('MSET', unpack(pairs))
redis.call('LPUSH', KEYS[1], unpack(ids))
return #ids";

const LEASE: &str = "
local ids = redis.call('RPOP', KEYS[1], ARGV[1])
if not ids then return {} end
local leases, keys = {}, {}
for at, id in ipairs(ids) do
  leases[#leases + 1] = ARGV[2]
  leases[#leases + 1] = id
  keys[at] = 'f:{0}:t:' .. id
end
redis.call('ZADD', 'f:{0}:lease', unpack(leases))
return { ids, redis.call('MGET', unpack(keys)) }";

const COMPLETE: &str = "
local ids, event = {}, {}
for at = 1, #ARGV, 2 do ids[#ids + 1] = ARGV[at] end
local held = redis.call('ZMSCORE', 'f:{0}:lease', unpack(ids))
for at, id in ipairs(ids) do
  if held[at] then
    redis.call('SET', 'f:{0}:t:' .. id, ARGV[2 * at], 'EX', 86400)
    event[#event + 1] = id
    event[#event + 1] = ARGV[2 * at]
  end
end
redis.call('ZREM', 'f:{0}:lease', unpack(ids))
redis.call('XADD', KEYS[1], 'MAXLEN', '~', '400', '*', unpack(event))
return #event";

/// One call of each phase for the n-th batch.
type Phase = fn(&Scripts, usize) -> redis::ScriptInvocation<'_>;

struct Scripts {
    enqueue: Script,
    lease: Script,
    complete: Script,
}

fn ids(batch: usize) -> impl Iterator<Item = [u8; 16]> {
    (0..BATCH).map(move |at| ((batch * BATCH + at) as u128).to_be_bytes())
}

impl Scripts {
    fn pairs<'a>(script: &'a Script, key: &str, batch: usize) -> redis::ScriptInvocation<'a> {
        let (mut values, mut call) = (Inputs::new(), script.key(key));
        for id in ids(batch) {
            call.arg(id.as_slice()).arg(values.next().as_ref());
        }
        call
    }
}

/// Reports after all three phases.
pub(crate) async fn run(args: RedisArgs) {
    let client = Client::open(args.redis).expect("the address of a server");
    let connection = client.get_multiplexed_async_connection().await.expect("a connection");
    let scripts = Arc::new(Scripts {
        enqueue: Script::new(ENQUEUE),
        lease: Script::new(LEASE),
        complete: Script::new(COMPLETE),
    });
    gate::ready().await;
    let phases: [Phase; 3] = [
        |scripts, batch| Scripts::pairs(&scripts.enqueue, "f:{0}:ready", batch),
        |scripts, _| {
            let mut call = scripts.lease.key("f:{0}:ready");
            call.arg(BATCH).arg(1_800_000_000_000_u64);
            call
        },
        |scripts, batch| Scripts::pairs(&scripts.complete, "f:{0}:done", batch),
    ];
    for phase in phases {
        run_phase(&connection, &scripts, phase, args.tasks / BATCH).await;
    }
    gate::report(&(args.tasks / BATCH * BATCH)).await;
}

async fn run_phase(connection: &MultiplexedConnection, scripts: &Arc<Scripts>, phase: Phase, batches: usize) {
    let mut lanes = tokio::task::JoinSet::new();
    for lane in 0..IN_FLIGHT {
        let (mut connection, scripts) = (connection.clone(), Arc::clone(scripts));
        lanes.spawn(async move {
            for batch in (lane..batches).step_by(IN_FLIGHT) {
                let _: redis::Value = phase(&scripts, batch)
                    .invoke_async(&mut connection)
                    .await
                    .expect("an answer");
            }
        });
    }
    lanes.join_all().await;
}
