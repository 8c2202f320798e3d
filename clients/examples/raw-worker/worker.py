"""A Tidemill worker from generated stubs alone, as docs/worker-protocol.md describes it. Usage: worker.py HOST:PORT"""
import asyncio, os, signal, sys, threading, types
import grpc
from tidemill.v1 import worker_service_pb2 as pb, worker_service_pb2_grpc as stubs

KINDS, CREDITS, GRACE = ["raw.echo", "raw.fail", "raw.sleep"], 4, 20  # tasks at a time; seconds they may go on after SIGTERM

def handle(task, stop):  # yours: runs one attempt in a thread. When `stop` is set it should end soon; None agrees to that
    if task.kind == "raw.fail": raise ValueError("no ink")
    return None if task.kind == "raw.sleep" and stop.wait(task.payload.json.number_value) else task.payload

held, draining, out = {}, asyncio.Event(), asyncio.Queue()  # held, by lease token: what runs, and what waits for its settle's answer

def say(**message): out.put_nowait(pb.WorkRequest(**message))

def settle(token, **message):
    if token in held and not held[token].settle:
        held[token].settle = message  # kept until it is answered, and said again over the next stream
        say(**message)

async def run(task, mine, token):
    try:
        output = await asyncio.to_thread(handle, task, mine.stop)
        # Not released: that would not be counted, and it would run too long for ever.
        if output is None and mine.cause == pb.CANCEL_CAUSE_ATTEMPT_TIMEOUT: raise TimeoutError("ran too long")
    except Exception as e:
        return settle(token, fail=pb.FailTaskRequest(lease_token=token, message=str(e), type=type(e).__name__))
    if output is None: settle(token, release=pb.ReleaseTaskRequest(lease_token=token, cancelled=True))
    else: settle(token, complete=pb.CompleteTaskRequest(lease_token=token, output=output))

def hear(kind, said, token):
    mine = held.get(token)
    if kind == "ping": say(echo=pb.Echo(number=said.number))  # at once: it renews every lease of the stream
    elif kind == "registered": [say(**each.settle) for each in held.values() if each.settle]
    elif kind == "assignments":
        for task in said.assignments:
            held[task.lease_token] = new = types.SimpleNamespace(settle=None, stop=threading.Event(), cause=0)
            asyncio.ensure_future(run(task, new, task.lease_token))
    elif mine and kind == "cancel_requested": mine.cause = said.cause; mine.stop.set()
    elif mine and kind == "refused" and (said.outcome_unknown or said.reason in ("STORE_UNAVAILABLE", "DRAINING")):
        asyncio.get_running_loop().call_later(1, lambda: say(**mine.settle))
    elif mine and kind in ("settled", "lease_lost", "refused"): held.pop(token).stop.set()

async def messages(requests):
    while (message := await requests.get()) is not None: yield message

async def stream(url):  # to leave it cancels the call. Never half-close it instead: that would give back what is held
    global out
    out = requests = asyncio.Queue()
    say(register=pb.Register(kinds=KINDS, held=held, credits=0 if draining.is_set() else CREDITS, name="raw"))
    async with grpc.aio.insecure_channel(url, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        call, silence, kind = stubs.WorkerServiceStub(channel).Work(messages(requests)), 10, ""
        while kind != "drain" and (said := await asyncio.wait_for(call.read(), silence)) is not grpc.aio.EOF:
            kind = said.WhichOneof("message")
            body = getattr(said, kind) if kind else None  # None: something of a newer server
            hear(kind, body, getattr(body, "lease_token", None))
            silence = 3 * body.ping_interval.ToTimedelta().total_seconds() if kind == "registered" else silence

async def drain(seconds):
    draining.set(); say(credits=pb.Credits(credits=0))
    while held and (seconds := seconds - 0.05) > 0: await asyncio.sleep(0.05)
    for token in list(held): settle(token, release=pb.ReleaseTaskRequest(lease_token=token, draining=True))
    while held: await asyncio.sleep(0.05)
    out.put_nowait(None)  # nothing is held: half-close

async def main(url):
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: asyncio.ensure_future(drain(GRACE)))
    while held or not draining.is_set():
        try: await stream(url)
        except (grpc.aio.AioRpcError, asyncio.TimeoutError) as e: print(repr(e), file=sys.stderr); await asyncio.sleep(0.5)
    os._exit(0)  # a handler that was given back may still run in its thread

asyncio.run(main(sys.argv[1]))
