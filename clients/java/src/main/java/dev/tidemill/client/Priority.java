package dev.tidemill.client;

/** Order among the ready tasks of one queue and kind. */
public enum Priority {
    /** After everything else. */
    LOW,
    /** The default. */
    NORMAL,
    /** Before normal. */
    HIGH,
    /** Before everything else. */
    URGENT;

    dev.tidemill.v1.Priority toProto() {
        return dev.tidemill.v1.Priority.valueOf("PRIORITY_" + name());
    }
}
