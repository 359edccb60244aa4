// The TypeScript SDK's client in front of the gateway: lists and calls everything, and prints what it saw as JSON.
//
// node typescript_client.mjs PACKAGE ERA stdio COMMAND ARGS...
// node typescript_client.mjs PACKAGE ERA http URL TOKEN
//
// PACKAGE is the folder of @modelcontextprotocol/client; ERA is legacy or modern.
import { pathToFileURL } from 'node:url';

const [folder, era, kind, ...rest] = process.argv.slice(2);
const load = (file) => import(pathToFileURL(`${folder}/dist/${file}`).href);
const { Client, StreamableHTTPClientTransport } = await load('index.mjs');
const { StdioClientTransport } = await load('stdio.mjs');

const transport = kind === 'stdio'
  ? new StdioClientTransport({ command: rest[0], args: rest.slice(1), env: process.env, stderr: 'ignore' })
  : new StreamableHTTPClientTransport(new URL(rest[0]), { requestInit: { headers: { Authorization: `Bearer ${rest[1]}` } } });
const client = new Client(
  { name: 'typescript', version: '1' },
  { capabilities: { elicitation: {}, sampling: {} }, versionNegotiation: { mode: era === 'modern' ? 'auto' : 'legacy' } },
);
const messages = [];
client.setRequestHandler('elicitation/create', async (request) => {
  messages.push(request.params.message);
  return { action: 'accept', content: { name: 'Ada', color: 'blue', ok: true } };
});
client.setRequestHandler('sampling/createMessage', async () => (
  { role: 'assistant', content: { type: 'text', text: 'Paris' }, model: 'none' }
));
await client.connect(transport);
const progress = [];
const words = (result) => result.content.map((part) => part.text ?? part.type).join(' ');
const call = async (name, args = {}, options = {}) => words(await client.callTool({ name, arguments: args }, options));
const seen = {
  version: client.getNegotiatedProtocolVersion?.() ?? null,
  tools: (await client.listTools()).tools.map((tool) => tool.name),
  prompts: (await client.listPrompts()).prompts.map((prompt) => prompt.name),
  resources: (await client.listResources()).resources.map((resource) => resource.uri),
  templates: (await client.listResourceTemplates()).resourceTemplates.map((template) => template.uriTemplate),
  simple: await call('test_simple_text'),
  mixed: await call('test_multiple_content_types'),
  progress: await call('test_tool_with_progress', {}, { onprogress: (one) => progress.push(one.progress) }),
  elicited: await call('test_elicitation', { message: 'Who?' }),
  sampled: await call('test_sampling', { prompt: 'What?' }),
  prompt: (await client.getPrompt({ name: 'test_prompt_with_arguments', arguments: { arg1: 'a', arg2: 'b' } })).messages.length,
  text: (await client.readResource({ uri: 'test://static-text' })).contents[0].text,
  completed: (await client.complete({
    ref: { type: 'ref/prompt', name: 'test_prompt_with_arguments' }, argument: { name: 'arg1', value: 'p' },
  })).completion.values.length,
};
await client.close();
console.log(JSON.stringify({ ...seen, steps: progress, messages }));
process.exit(0);
