"""proxy.py LISTEN_PORT HOST:PORT SECONDS: a network that fails on demand: SIGUSR1 cuts every connection and lets none in for that long."""

from __future__ import annotations

import asyncio
import signal
import sys


class Proxy:
    def __init__(self, target: str, away: float) -> None:
        self._host, _, self._port = target.rpartition(":")
        self._away = away
        self._open: set[asyncio.StreamWriter] = set()
        self._away_until = 0.0

    async def serve(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        if asyncio.get_running_loop().time() < self._away_until:
            back.transport.abort()
            return
        far, forth = await asyncio.open_connection(self._host, int(self._port))
        self._open |= {back, forth}
        await asyncio.gather(self._pass(near, forth), self._pass(far, back), return_exceptions=True)
        self._open -= {back, forth}

    @staticmethod
    async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()

    def cut(self) -> None:
        print(f"proxy: cutting the connection for {self._away:.0f} s", flush=True)
        self._away_until = asyncio.get_running_loop().time() + self._away
        for writer in self._open:
            writer.transport.abort()


async def main() -> None:
    proxy = Proxy(sys.argv[2], float(sys.argv[3]))
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", int(sys.argv[1]))
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, proxy.cut)
    await server.serve_forever()


if __name__ == "__main__":
    # Ctrl-C just ends it: there is nothing to tidy up.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    asyncio.run(main())
