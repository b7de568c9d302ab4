package transport_test

import (
	"testing"
	"time"

	"musafir/node/transport"
)

// TestCertificateHasNoDate shows that every clock accepts a device's certificate.
func TestCertificateHasNoDate(t *testing.T) {
	c := transport.TimelessCertificate()
	for _, clock := range []time.Time{time.Unix(1, 0), time.Now(), time.Now().AddDate(300, 0, 0)} {
		if clock.Before(c.NotBefore) || clock.After(c.NotAfter) {
			t.Errorf("at %s the certificate is not good: from %s to %s", clock, c.NotBefore, c.NotAfter)
		}
	}
}
