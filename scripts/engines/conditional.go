// Conditional writes for the S3 gateway that tests run against. Added to its main package when it is built.
//
// S3 decides a condition (If-None-Match, If-Match) and writes at one moment; of two writers that both ask for an absent
// object, one wins. The gateway looks first, then takes the body, then writes: of eight racing puts, up to three won.
// Here the conditional writes of one key take turns. The body is read before the turn, so that a client that stalls
// holds up nobody else.
package main

import (
	"bytes"
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3api/middlewares"
	"github.com/versity/versitygw/s3response"
)

const conditionalBodyMax = 256 << 20

type conditional struct {
	backend.Backend
	// Keys share locks by hash: that costs a wait now and then, and bounds them.
	turns [1024]sync.Mutex
}

func conditionally(be backend.Backend) backend.Backend {
	return &conditional{Backend: be}
}

func (c *conditional) turn(bucket, key *string) *sync.Mutex {
	hash := fnv.New32a()
	_, _ = io.WriteString(hash, *bucket+"/"+*key)
	return &c.turns[hash.Sum32()%uint32(len(c.turns))]
}

// readBefore is a body that was read already, with the sum that came behind it.
type readBefore struct {
	io.Reader
	middlewares.ChecksumReader
}

func (r readBefore) Read(p []byte) (int, error) { return r.Reader.Read(p) }

func (c *conditional) PutObject(ctx context.Context, in s3response.PutObjectInput) (s3response.PutObjectOutput, error) {
	if (in.IfNoneMatch == nil && in.IfMatch == nil) || in.Bucket == nil || in.Key == nil {
		return c.Backend.PutObject(ctx, in)
	}
	if in.Body != nil {
		body, err := io.ReadAll(io.LimitReader(in.Body, conditionalBodyMax+1))
		if err != nil {
			return s3response.PutObjectOutput{}, err
		}
		if len(body) > conditionalBodyMax {
			return s3response.PutObjectOutput{}, fmt.Errorf("a conditional put takes at most %d bytes here", conditionalBodyMax)
		}
		if sums, ok := in.Body.(middlewares.ChecksumReader); ok {
			in.Body = readBefore{bytes.NewReader(body), sums}
		} else {
			in.Body = bytes.NewReader(body)
		}
	}
	turn := c.turn(in.Bucket, in.Key)
	turn.Lock()
	defer turn.Unlock()
	return c.Backend.PutObject(ctx, in)
}

func (c *conditional) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput) (s3response.CompleteMultipartUploadResult, string, error) {
	if in.Bucket != nil && in.Key != nil {
		turn := c.turn(in.Bucket, in.Key)
		turn.Lock()
		defer turn.Unlock()
	}
	return c.Backend.CompleteMultipartUpload(ctx, in)
}
