// Produce a few messages to a topic of your instance, or consume them (Java 11 and later):
//
//     java -cp 'KAFKA/libs/*' java/Client.java produce TOPIC
//     java -cp 'KAFKA/libs/*' java/Client.java consume TOPIC
//
// Run it in the directory of README.txt, since the stores are named relative to it; KAFKA is where
// Kafka, or its client library, lies. The connection is described in the *.properties files.

import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

public final class Client {
    private static final int COUNT = 10;
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    public static void main(String[] arguments) throws Exception {
        String verb = arguments.length == 2 ? arguments[0] : "";
        if (verb.equals("produce")) {
            produce(settings("java/producer.properties"), arguments[1]);
        } else if (verb.equals("consume")) {
            System.exit(consume(settings("java/consumer.properties"), arguments[1]) ? 0 : 1);
        } else {
            System.err.println("usage: java java/Client.java produce|consume TOPIC");
            System.exit(2);
        }
    }

    private static Properties settings(String file) throws IOException {
        Properties settings = new Properties();
        try (Reader source = Files.newBufferedReader(Path.of(file))) {
            settings.load(source);
        }
        return settings;
    }

    /** A message that is not acknowledged by all in-sync replicas ends the program. */
    private static void produce(Properties settings, String topic)
            throws ExecutionException, InterruptedException {
        try (KafkaProducer<String, String> producer =
                new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (int number = 0; number < COUNT; number++) {
                sent.add(producer.send(new ProducerRecord<>(topic, "message " + number)));
            }
            for (Future<RecordMetadata> each : sent) {
                RecordMetadata where = each.get();
                System.out.printf(
                        "delivered: partition %d offset %d%n", where.partition(), where.offset());
            }
        }
    }

    private static boolean consume(Properties settings, String topic) {
        try (KafkaConsumer<String, String> consumer =
                new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(topic));
            Instant deadline = Instant.now().plus(PATIENCE);
            int received = 0;
            while (received < COUNT && Instant.now().isBefore(deadline)) {
                for (ConsumerRecord<String, String> each : consumer.poll(Duration.ofSeconds(1))) {
                    received++;
                    System.out.printf(
                            "received: partition %d offset %d: %s%n",
                            each.partition(), each.offset(), each.value());
                }
            }
            return received >= COUNT;
        }
    }
}
