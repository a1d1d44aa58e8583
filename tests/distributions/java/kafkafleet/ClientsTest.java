package kafkafleet;

import static kafkafleet.Tests.equal;

import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.util.Arrays;
import javax.management.ObjectName;

/** Who asked lately. */
public final class ClientsTest {
    private final long[] millis = {5_000_000};
    private final Clients clients = new Clients(() -> millis[0]);

    public void whoAskedIsToldWithTheSecondsSince() throws Exception {
        clients.note("alice", address(1));
        millis[0] += 3_999;
        clients.note("alice", address(2));
        clients.note("bertha", address(1));
        seen("alice 10.0.0.1 3", "alice 10.0.0.2 0", "bertha 10.0.0.1 0");
    }

    public void whoAsksAgainIsToldOnce() throws Exception {
        clients.note("alice", address(1));
        millis[0] += 60_000;
        clients.note("alice", address(1));
        seen("alice 10.0.0.1 0");
    }

    public void whoDidNotAskForTenMinutesIsForgotten() throws Exception {
        clients.note("alice", address(1));
        millis[0] += 600_000;
        seen("alice 10.0.0.1 600");
        millis[0] += 1;
        seen();
    }

    public void memoryIsBounded() throws Exception {
        for (int i = 0; i < Clients.MOST + 10; i++) {
            clients.note("user-" + i, address(1));
        }
        equal(Clients.MOST, clients.getSeen().length);
        millis[0] += 600_001;
        clients.note("alice", address(1));
        seen("alice 10.0.0.1 0");
    }

    public void jmxTellsThem() throws Exception {
        Clients.OF_THIS_BROKER.note("carla", address(3));
        Object told =
                ManagementFactory.getPlatformMBeanServer()
                        .getAttribute(new ObjectName("kafkafleet:type=Clients"), "Seen");
        equal(true, Arrays.asList((String[]) told).contains("carla 10.0.0.3 0"));
    }

    private void seen(String... expected) {
        String[] found = clients.getSeen();
        Arrays.sort(found);
        equal(Arrays.asList(expected), Arrays.asList(found));
    }

    private static InetAddress address(int last) throws Exception {
        return InetAddress.getByAddress(new byte[] {10, 0, 0, (byte) last});
    }
}
