package dev.tidemill.client;

/** What kind of failure a {@link TidemillException} tells of. */
public enum ErrorKind {
    /** The server, or a proxy before it, refused: see the reason and the code. */
    REFUSED,
    /** No server could be reached at the address. */
    UNREACHABLE,
    /** The connection broke before the answer came. */
    CONNECTION_LOST,
    /** No answer came before the deadline. */
    DEADLINE_EXCEEDED,
    /** The input or the configuration was refused on this side; nothing was sent. */
    INVALID,
    /** The server broke the contract. */
    CONTRACT
}
