package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestWithoutPassword(t *testing.T) {
	var many []string
	for i := range 12 {
		many = append(many, fmt.Sprintf("u%d@example.org", i))
	}
	got := withoutPassword(many)
	if !strings.HasPrefix(got, "12 users have no password yet") || !strings.Contains(got, "u9@example.org and 2 more (musafir user list). For each: musafir user passwd ADDRESS") || strings.Contains(got, "u10@") {
		t.Errorf("of twelve: %s", got)
	}
	if got := withoutPassword(many[:10]); strings.Contains(got, "more") {
		t.Errorf("of ten: %s", got)
	}
}
