package clinic

import (
	_ "embed"
)

// Example is a file that works as it is, with what else one may say in comments.
//
//go:embed example.yaml
var Example string
