package kafkafleet;

import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;
import javax.management.JMException;
import javax.management.MBeanServer;
import javax.management.ObjectName;
import org.slf4j.LoggerFactory;

/**
 * Who asked this broker for something lately, and from where: Kafka itself tells nobody.
 *
 * <p>Everybody is remembered for ten minutes, after which Kafka closes a connection that asks for
 * nothing. There is room for {@value #MOST} of them.
 */
final class Clients implements ClientsMXBean {
    /** Those of all client listeners; JMX knows them as {@code kafkafleet:type=Clients}. */
    static final Clients OF_THIS_BROKER = registered();

    static final int MOST = 10_000;

    private static final long MEMORY_MILLIS = 600_000;

    private final LongSupplier millis;
    private final Map<String, Long> last = new ConcurrentHashMap<>();

    Clients(LongSupplier millis) {
        this.millis = millis;
    }

    /** Remembers that a user asked for something just now; a name holds no space. */
    void note(String user, InetAddress address) {
        String client = user + ' ' + address.getHostAddress();
        long now = millis.getAsLong();
        if (last.put(client, now) == null && last.size() > MOST) {
            forget(now);
            if (last.size() > MOST) {
                last.remove(client);
            }
        }
    }

    private void forget(long now) {
        last.values().removeIf(then -> now - then > MEMORY_MILLIS);
    }

    @Override
    public String[] getSeen() {
        long now = millis.getAsLong();
        forget(now);
        List<String> seen = new ArrayList<>();
        last.forEach((client, then) -> seen.add(client + ' ' + (now - then) / 1000));
        return seen.toArray(new String[0]);
    }

    private static Clients registered() {
        Clients clients = new Clients(() -> System.nanoTime() / 1_000_000);
        MBeanServer server = ManagementFactory.getPlatformMBeanServer();
        try {
            server.registerMBean(clients, new ObjectName("kafkafleet:type=Clients"));
        } catch (JMException e) {
            // Nobody could ask, but everybody is served.
            LoggerFactory.getLogger(Clients.class).error("clients are not shown", e);
        }
        return clients;
    }
}
