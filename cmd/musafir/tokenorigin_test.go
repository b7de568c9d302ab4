package main

import "testing"

func TestParseOrigin(t *testing.T) {
	for given, want := range map[string]string{
		"https://clinic.example":        "https://clinic.example",
		"http://localhost:3000":         "http://localhost:3000",
		"HTTPS://Clinic.Example:8443":   "https://clinic.example:8443",
		"https://clinic.example:443":    "https://clinic.example",
		"http://clinic.example:80":      "http://clinic.example",
		"http://clinic.example:443":     "http://clinic.example:443",
		"http://clinic.example:080":     "http://clinic.example",
		"http://10.0.0.7:8080":          "http://10.0.0.7:8080",
		"http://[FD00:0::7]:8080":       "http://[fd00::7]:8080",
		"https://xn--mgbh0fb.example":   "https://xn--mgbh0fb.example",
		"https://clinic_1.example-a.x.": "https://clinic_1.example-a.x.",
	} {
		if got, err := parseOrigin(given); err != nil || got != want {
			t.Errorf("%q: %q %v, want %q", given, got, err, want)
		}
	}
	for _, bad := range []string{
		"", "*", "null", "clinic.example", "clinic.example:80", "//clinic.example", "ftp://clinic.example", "file:///x", "chrome-extension://abc",
		"https://", "https://:80", "https://clinic.example/", "https://clinic.example/app", "https://clinic.example?", "https://clinic.example#",
		"https://u@clinic.example", "https://clinic.example:", "https://clinic.example:0", "https://clinic.example:65536", "https://clinic.example:x",
		"https://*.example", "https://clinic example", "https://clinic.example,https://b.example", "https://مثال.example", "https://a%62.example",
		"http://[fe80::1%25eth0]", "http://[::ffff:10.0.0.1]", "http://[::1", "https:clinic.example", " https://clinic.example", "https://clinic.example\n",
	} {
		if got, err := parseOrigin(bad); err == nil {
			t.Errorf("%q was taken for %q", bad, got)
		}
	}
}
