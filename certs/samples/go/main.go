// Produce a few messages to a topic of your instance, or consume them:
//
//	go run . -password-file FILE produce TOPIC
//	go run . -password-file FILE consume TOPIC
//
// Run it in this directory: the authorities to trust are read from the directory above, and so is
// the client's certificate where the instance wants one instead of a password. The connection is
// described in settings.go; the password is the first line of the file.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

const (
	authorities = "../phy_ca.crt"
	certificate = "../client.crt"
	key         = "../client.key"
	patience    = 60 * time.Second
)

func main() {
	passwordFile := flag.String("password-file", "", "its first line is the password")
	count := flag.Int("count", 10, "number of messages")
	flag.Parse()
	if err := run(flag.Arg(0), flag.Arg(1), *count, *passwordFile); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(verb, topic string, count int, passwordFile string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	options, err := connection(passwordFile)
	if err != nil {
		return err
	}
	switch {
	case verb == "produce" && topic != "":
		return produce(ctx, options, topic, count)
	case verb == "consume" && topic != "":
		return consume(ctx, options, topic, count)
	}
	return errors.New("usage: go run . [-password-file FILE] [-count N] produce|consume TOPIC")
}

// connection says how to reach the instance, and how not to notice the restart of a broker: by
// default a client asks who leads a partition at most every 5 s, and so waits for seconds.
func connection(passwordFile string) ([]kgo.Opt, error) {
	options := []kgo.Opt{
		kgo.SeedBrokers(brokers...),
		kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.RetryBackoffFn(backoff),
	}
	if mutualTLS {
		shown, err := readCertificate()
		if err != nil {
			return nil, err
		}
		return append(options, kgo.DialTLSConfig(shown)), nil
	}
	if !saslSSL {
		return options, nil
	}
	password, err := readPassword(passwordFile)
	if err != nil {
		return nil, err
	}
	trusted, err := readAuthorities()
	if err != nil {
		return nil, err
	}
	return append(options, kgo.DialTLSConfig(trusted), kgo.SASL(login(password))), nil
}

// backoff is 20 ms before the first retry and never more than 200 ms.
func backoff(failures int) time.Duration {
	return min(20*time.Millisecond<<min(failures-1, 4), 200*time.Millisecond)
}

func login(password string) sasl.Mechanism {
	if mechanism == "PLAIN" {
		return plain.Auth{User: user, Pass: password}.AsMechanism()
	}
	return scram.Auth{User: user, Pass: password}.AsSha512Mechanism()
}

func readPassword(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("-password-file: %w", err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Scan()
	return lines.Text(), lines.Err()
}

func readAuthorities() (*tls.Config, error) {
	pem, err := os.ReadFile(authorities)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: no certificate in it", authorities)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}

// readCertificate is readAuthorities and what this client shows itself.
func readCertificate() (*tls.Config, error) {
	trusted, err := readAuthorities()
	if err != nil {
		return nil, err
	}
	own, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return nil, err
	}
	trusted.Certificates = []tls.Certificate{own}
	return trusted, nil
}

// produce waits for all in-sync replicas, with idempotence: both are the library's defaults.
func produce(ctx context.Context, options []kgo.Opt, topic string, count int) error {
	client, err := kgo.NewClient(append(options, kgo.DefaultProduceTopic(topic))...)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.Ping(ctx); err != nil { // a refused login would be tried again for ever
		return err
	}
	for number := range count {
		record := kgo.StringRecord(fmt.Sprintf("message %d", number))
		if err := client.ProduceSync(ctx, record).FirstErr(); err != nil {
			return fmt.Errorf("not delivered: %w", err)
		}
		fmt.Printf("delivered: partition %d offset %d\n", record.Partition, record.Offset)
	}
	return nil
}

func consume(ctx context.Context, options []kgo.Opt, topic string, count int) error {
	client, err := kgo.NewClient(append(options,
		kgo.ConsumerGroup("example"),
		kgo.ConsumeTopics(topic),
	)...)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.Ping(ctx); err != nil {
		return err
	}
	for received := 0; received < count; {
		fetches := client.PollRecords(ctx, count-received)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("received %d of %d: %w", received, count, err)
		}
		for _, record := range fetches.Records() {
			received++
			fmt.Printf("received: partition %d offset %d: %s\n", record.Partition, record.Offset, record.Value)
		}
	}
	return client.CommitUncommittedOffsets(ctx)
}
