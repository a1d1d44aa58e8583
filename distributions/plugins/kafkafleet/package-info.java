/**
 * What kafka-fleet adds to a broker: who a client is ({@link kafkafleet.ListenerPrincipalBuilder})
 * and SASL/PLAIN users that change without a restart ({@link kafkafleet.PlainUsersLoginModule}).
 *
 * <p>One source for every Kafka version from 1.1.0 on and Java 8 to 23: only what kafka-clients
 * 1.1.0 and the JDK have is used.
 */
package kafkafleet;
