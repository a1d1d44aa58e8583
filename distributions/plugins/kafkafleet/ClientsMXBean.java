package kafkafleet;

/** What {@link Clients} tells by JMX. */
public interface ClientsMXBean {
    /** Returns a line for each client: its user, its address, and seconds since it asked last. */
    String[] getSeen();
}
