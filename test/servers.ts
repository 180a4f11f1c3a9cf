// Preloaded by `npm run test:servers`: a real Postgres and a real Redis for the tests that also run without them.
//
//   npm run test:servers                  the suites of the store and of the counters, on both
import { afterAll } from "bun:test";
import { startPostgres } from "./postgres.ts";
import { startRedis } from "./redis.ts";

const [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
process.env.CODEXD_TEST_POSTGRES = postgres.url;
process.env.CODEXD_TEST_REDIS = redis.url;

afterAll(async () => {
  await Promise.all([postgres[Symbol.asyncDispose](), redis[Symbol.asyncDispose]()]);
});
